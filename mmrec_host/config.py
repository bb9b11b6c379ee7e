"""Layers of flat keys: overall < dataset < model < its option groups < --config FILE < key=value."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import mmrec_configs

from .errors import ConfigError
from .registry import Registry, nearest
from .yaml_values import dump, parse_value, read_mapping

# Keys that say where a run stands, not what it computes: they are no part of `Config.settings_sha`.
MACHINE_KEYS = {"seed", "data_path", "run_path", "cache_path", "device", "threads", "progress", "save_model"}


class Config(dict):
    """The resolved configuration, as MMRec's models read it: a missing key is None.

    Attributes:
        search: key -> values to try, from the model's YAML.
        overrides: the keys that --config files and the command line changed.
    """

    search: dict[str, list[Any]]
    overrides: dict[str, Any]

    def __init__(self, values: Mapping[str, Any] | None = None, search=None, overrides=None) -> None:
        super().__init__(values or {})
        self.search = dict(search or {})
        self.overrides = dict(overrides or {})

    def __missing__(self, key: str) -> None:
        return None

    def replaced(self, **values: Any) -> Config:
        """A copy with some values replaced."""
        return Config({**self, **values}, self.search, self.overrides)

    def plain(self) -> dict[str, Any]:
        """Values as YAML can hold them."""
        return {
            k: v if isinstance(v, (str, int, float, bool, list, dict, type(None))) else str(v) for k, v in self.items()
        }

    def to_yaml(self) -> str:
        """YAML text of all values."""
        return dump(self.plain())

    def settings_sha(self) -> str:
        """Digest of everything that may change a result but the seed."""
        settings = {k: v for k, v in self.plain().items() if k not in MACHINE_KEYS}
        return hashlib.sha256(json.dumps(settings, sort_keys=True, default=str).encode()).hexdigest()[:12]


@dataclass
class Layer:
    """Flat values from one place, with the grid that its YAML asks to search."""

    source: str
    values: dict[str, Any]
    search: dict[str, list[Any]] = field(default_factory=dict)
    option_groups: dict[str, str] = field(default_factory=dict)


def folders() -> list[Path]:
    """Where YAML files are looked for: `./mmrec_configs` first, then the installed package."""
    packaged = Path(mmrec_configs.__file__).parent
    local = Path.cwd() / "mmrec_configs"
    return [local, packaged] if local.is_dir() and local.resolve() != packaged.resolve() else [packaged]


def find_yaml(group: str, name: str) -> Path | None:
    """The YAML file of `name` in a group ("dataset", "model", "encoder", …), or None."""
    return next((p for f in folders() if (p := f / group / f"{name}.yaml").is_file()), None)


def known_yamls(group: str) -> dict[str, Path]:
    """Names with a YAML file in a group, and the files."""
    return {p.stem: p for f in reversed(folders()) for p in sorted((f / group).glob("*.yaml"))}


def read_layer(path: Path, dataset: str | None = None) -> Layer:
    """One YAML file; its `tuned` values for `dataset` win, lists under MMRec's `hyper_parameters` become a search."""
    values = read_mapping(path)
    search = values.pop("search", None) or {}
    tuned = values.pop("tuned", None) or {}
    groups = values.pop("option_groups", None) or {}
    for key in values.pop("hyper_parameters", None) or []:
        if key in values and not isinstance(values[key], list):
            raise ConfigError(f"{path}: {key!r} stands under hyper_parameters, so it must be a list of values to try.")
        if values.get(key):
            search[key] = values[key]
            values[key] = values[key][0]
    if not all(isinstance(v, list) and v for v in search.values()):
        raise ConfigError(f"{path}: every key under `search` must be a list of values to try.")
    values.update(tuned.get(dataset) or {})
    return Layer(str(path), values, search, groups)


def parse_overrides(texts: Iterable[str], models: Sequence[str]) -> dict[str | None, dict[str, Any]]:
    """`key=value` and `Model.key=value` arguments, by model (None: for all); all errors are reported together."""
    parsed: dict[str | None, dict[str, Any]] = {None: {}}
    errors = []
    for text in texts:
        key, equals, value = text.partition("=")
        owner, dot, rest = key.partition(".")
        if not equals or not key:
            errors.append(f"{text!r} is no key=value")
        elif dot and owner not in models:
            errors.append(f"{text!r}: {owner!r} is none of this run's models ({', '.join(models)})")
        else:
            try:
                parsed.setdefault(owner if dot else None, {})[rest if dot else key] = parse_value(value)
            except ConfigError as error:
                errors.append(str(error))
    if errors:
        raise ConfigError("\n".join(errors))
    return parsed


def _type_error(key: str, value: Any, default: Any) -> str | None:
    """What is wrong with the type of `value`, judged by the value that the YAML files give."""
    if default is None or value is None:
        return None
    numeric = isinstance(value, (int, float)) and not isinstance(value, bool)
    if isinstance(default, bool):
        fits, wanted = isinstance(value, bool), "true or false"
    elif isinstance(default, (int, float)):
        fits, wanted = numeric, "a number"
    elif isinstance(default, list):
        fits, wanted = isinstance(value, (list, int, str)), "a list such as [a, b]"
    else:
        return None
    return None if fits else f"{key}={value!r}: must be {wanted}"


def collect_layers(model: str, dataset: str, changes: Mapping[str, Any]) -> list[Layer]:
    """The YAML layers of one model on one dataset, lowest first; `changes` may choose the option groups.

    Raises:
        ConfigError: an option group has no such name.
    """
    layers = [read_layer(folders()[-1] / "overall.yaml")]
    data_path = Path(str(changes.get("data_path", layers[0].values["data_path"])))
    for path in (find_yaml("dataset", dataset), data_path / dataset / "dataset.yaml", find_yaml("model", model)):
        if path is not None and path.is_file():
            layers.append(read_layer(path, dataset))
    chosen: dict[str, Any] = {}
    groups: dict[str, str] = {}
    for layer in layers:
        chosen.update(layer.values)
        groups.update(layer.option_groups)
    chosen.update(changes)
    errors = []
    for key, group in groups.items():
        name, registry = str(chosen.get(key)), Registry.every.get(group)
        path = find_yaml(group, name)
        if path is not None:
            layers.append(replace(read_layer(path, dataset), search={}))  # a base's grid is not the model's
        elif registry is not None and name in registry:
            layers.append(Layer(f"{group} {name}", dict(getattr(registry.get(name), "defaults", {}))))
        elif chosen.get(key) is not None:
            known = sorted({*known_yamls(group), *(registry.names() if registry else ())})
            errors.append(f"{key}={name!r} is unknown{nearest(name, known)} Known: {', '.join(known)}.")
    if errors:
        raise ConfigError("\n".join(errors))
    return layers


def _changes(overrides: Mapping[str, Any] | None, files: Sequence[Path]) -> dict[str, Any]:
    changes: dict[str, Any] = {}
    for path in files:
        changes.update(read_mapping(Path(path)))
    return {**changes, **(overrides or {})}


def known_keys(model: str, dataset: str, overrides: Mapping[str, Any], files: Sequence[Path] = ()) -> set[str]:
    """The keys that a layer of this model defines."""
    return {key for layer in collect_layers(model, dataset, _changes(overrides, files)) for key in layer.values}


def load_config(
    model: str,
    dataset: str,
    *,
    overrides: Mapping[str, Any] | None = None,
    files: Sequence[Path] = (),
    elsewhere: Iterable[str] = (),
) -> Config:
    """Resolve the configuration of one model on one dataset.

    Args:
        overrides: `key=value` of the command line, or `config_dict` of `quick_start`.
        files: YAML files that stand between the YAML layers and `overrides`.
        elsewhere: keys that another model of the same call knows; they are passed over here.

    Raises:
        ConfigError: all unknown keys and ill-typed values, reported together; an unreadable file.
    """
    changes = _changes(overrides, files)
    values: dict[str, Any] = {}
    search: dict[str, list[Any]] = {}
    for layer in collect_layers(model, dataset, changes):
        values.update(layer.values)
        search.update(layer.search)
    errors = []
    for key, value in changes.items():
        if key not in values:
            if key not in elsewhere:
                errors.append(f"unknown key {key!r}{nearest(key, values)} `--dry-run` prints the keys that there are.")
        elif problem := _type_error(key, value, values[key]):
            errors.append(problem)
    if errors:
        raise ConfigError("\n".join(errors))
    applied = {key: value for key, value in changes.items() if key in values}
    values.update(applied, model=model, dataset=dataset)
    return Config(values, search, applied)
