"""Layers of flat keys: overall < dataset < model < its option groups < --config FILE < key=value."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import Any

import mmrec_configs

from .errors import ConfigError
from .registry import Registry, nearest
from .yaml_values import dump, flow, parse_value, read_mapping

# Keys that say where a run stands, not what it computes: they are no part of `Config.settings_sha`.
MACHINE_KEYS = {"seed", "data_path", "run_path", "cache_path", "device", "threads", "progress", "save_model"}
MACHINE_KEYS |= {"resume", "checkpoint_interval", "workers"}

LIST_OR_ONE = {"topk", "metrics", "modalities"}  # MMRec takes a single value for these too
# Without influence on a result, or said by a table's caption.
UNLABELLED = MACHINE_KEYS | {"cold_items", "cold_seed", "cold_candidates", "eval_mask", "metrics", "topk"}
UNLABELLED |= {"USER_ID_FIELD", "ITEM_ID_FIELD", "inter_splitting_label", "inter_file_name", "field_separator"}


class Config(dict):
    """The resolved configuration, as MMRec's models read it: a missing key is None.

    Attributes:
        search: key -> values to try, from the model's YAML.
        overrides: the keys that --config files and the command line set.
        defaults: what the YAML files say of these keys.
    """

    search: dict[str, list[Any]]
    overrides: dict[str, Any]
    defaults: dict[str, Any]

    def __init__(self, values: Mapping[str, Any] | None = None, search=None, overrides=None, defaults=None) -> None:
        super().__init__(values or {})
        self.search = dict(search or {})
        self.overrides = dict(overrides or {})
        self.defaults = dict(defaults or {})

    def __missing__(self, key: str) -> None:
        return None

    def replaced(self, **values: Any) -> Config:
        """A copy with some values replaced."""
        return Config({**self, **values}, self.search, self.overrides, self.defaults)

    def plain(self) -> dict[str, Any]:
        """Values as YAML can hold them."""
        return {
            k: v if isinstance(v, (str, int, float, bool, list, dict, type(None))) else str(v) for k, v in self.items()
        }

    def to_yaml(self) -> str:
        """YAML text of all values."""
        return dump(self.plain())

    def label(self) -> str:
        """How a table names a run: the model, and what files, command line or `config_dict` changed of its keys."""
        changed = {k: v for k, v in sorted(self.overrides.items()) if k not in self.defaults or self.defaults[k] != v}
        words = [f"{k}={flow(v)}" for k, v in changed.items() if k not in UNLABELLED]
        return " ".join([self["model"], *words])

    def settings_sha(self) -> str:
        """Digest of everything that may change a result but the seed."""
        settings = {k: v for k, v in self.plain().items() if k not in MACHINE_KEYS}
        return hashlib.sha256(json.dumps(settings, sort_keys=True, default=str).encode()).hexdigest()[:12]


@dataclass
class Layer:
    """Flat values from one place, and what its YAML says about them.

    Attributes:
        search: key -> values that `--search` tries.
        option_groups: key -> folder of the YAML that the key's value names.
        minimum: key -> smallest allowed number.
        allowed: key -> allowed values.
        any_type: keys whose values may be of another type than the default.
    """

    values: dict[str, Any]
    search: dict[str, list[Any]] = field(default_factory=dict)
    option_groups: dict[str, str] = field(default_factory=dict)
    minimum: dict[str, float] = field(default_factory=dict)
    allowed: dict[str, list[Any]] = field(default_factory=dict)
    any_type: list[str] = field(default_factory=list)


def folders() -> list[Path]:
    """Where YAML files are looked for: `./mmrec_configs` first, then the installed package."""
    packaged = Path(mmrec_configs.__file__).parent
    local = Path.cwd() / "mmrec_configs"
    return [local, packaged] if local.is_dir() and local.resolve() != packaged.resolve() else [packaged]


def yaml_file(group: str, name: str) -> Path | None:
    """The YAML file of `name` in the folder of a group ("dataset", "model", "encoder", …), or None."""
    return next((p for f in folders() if (p := f / group / f"{name}.yaml").is_file()), None)


def _registered(group: str, name: str) -> Any:
    """The object registered under `name` in a group that is a registry too, or None; packages are imported for it."""
    registry = Registry.of(group)
    return registry.get(name) if registry is not None and name in registry else None


def find_yaml(group: str, name: str) -> Path | None:
    """The YAML file of a model or an option: in its group's folder, or the `yaml` of the object registered so."""
    return yaml_file(group, name) or getattr(_registered(group, name), "yaml", None)


def _own_layer(group: str, name: str, dataset: str) -> Layer | None:
    """What a model or an option brings: its YAML, or the `defaults` of the object registered so; None if unknown."""
    path = find_yaml(group, name)
    if path is not None:
        return read_layer(path, dataset)
    registered = _registered(group, name)
    return None if registered is None else Layer(dict(getattr(registered, "defaults", {})))


def known_yamls(group: str) -> dict[str, Path]:
    """Names with a YAML file in a group, and the files."""
    return {p.stem: p for f in reversed(folders()) for p in sorted((f / group).glob("*.yaml"))}


def read_layer(path: Path, dataset: str | None = None) -> Layer:
    """One YAML file; its `tuned` values for `dataset` win, lists under MMRec's `hyper_parameters` become a search."""
    values = read_mapping(path)
    said = {f.name: values.pop(f.name, None) or f.default_factory() for f in fields(Layer) if f.name != "values"}
    tuned = values.pop("tuned", None) or {}
    search = said["search"]
    listed = values.pop("hyper_parameters", None) or []
    if not isinstance(listed, list):
        raise ConfigError(f"{path}: hyper_parameters must be a list of keys, not {flow(listed)}.")
    for key in listed:
        if key not in values:  # MMRec lists `seed` for its overall.yaml; the value is another layer's
            continue
        if not isinstance(values[key], list) or not values[key]:
            raise ConfigError(f"{path}: {key!r} stands under hyper_parameters, so it must be a list of values to try.")
        search[key] = values[key]
        values[key] = values[key][0]
        if type(values[key]) is int:  # a weight's grid may begin with 0 or 1
            said["any_type"] = [*said["any_type"], key]
    if not all(isinstance(v, list) and v for v in search.values()):
        raise ConfigError(f"{path}: every key under `search` must be a list of values to try.")
    values.update(tuned.get(dataset) or {})
    return Layer(values, **said)


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
    number = isinstance(value, (int, float)) and not isinstance(value, bool)
    if default is None or (value is None and isinstance(default, str)):
        return None
    if isinstance(default, bool):
        fits, wanted = isinstance(value, bool), "true or false"
    elif isinstance(default, int):
        fits, wanted = number and float(value).is_integer(), "a whole number"
    elif isinstance(default, float):
        fits, wanted = number, "a number"
    elif isinstance(default, list):
        fits, wanted = isinstance(value, list) or (key in LIST_OR_ONE and value is not None), "a list such as [a, b]"
    else:
        fits, wanted = isinstance(value, str), "text"
    return None if fits else f"{key}={flow(value)}: must be {wanted}"


def _value_errors(values: Mapping[str, Any], layers: Sequence[Layer]) -> Iterator[str]:
    """What is out of the range that the layers allow."""
    for layer in layers:
        for key, least in layer.minimum.items():
            value = values.get(key)
            if isinstance(value, (int, float)) and not value >= least:
                yield f"{key}={value}: must be {least} or more"
        for key, choices in layer.allowed.items():
            if values.get(key) not in choices:
                yield f"{key}={flow(values.get(key))}: must be one of {', '.join(map(flow, choices))}"


def collect_layers(model: str, dataset: str, changes: Mapping[str, Any]) -> list[Layer]:
    """The YAML layers of one model on one dataset, lowest first; `changes` may choose the option groups.

    Raises:
        ConfigError: an option group has no such name.
    """
    overall = [path for folder in reversed(folders()) if (path := folder / "overall.yaml").is_file()]
    layers = [read_layer(path) for path in overall]
    data_path = Path(str({k: v for layer in layers for k, v in layer.values.items()}["data_path"]))
    data_path = Path(str(changes.get("data_path", data_path)))
    for path in (yaml_file("dataset", dataset), data_path / dataset / "dataset.yaml"):
        if path is not None and path.is_file():
            layers.append(read_layer(path, dataset))
    own = _own_layer("model", model, dataset)
    layers += [own] if own is not None else []
    chosen: dict[str, Any] = {}
    groups: dict[str, str] = {}
    for layer in layers:
        chosen.update(layer.values)
        groups.update(layer.option_groups)
    chosen.update(changes)
    errors = []
    for key, group in groups.items():
        name = str(chosen.get(key))
        layer = _own_layer(group, name, dataset)
        if layer is not None:
            layers.append(replace(layer, search={}))  # a base's grid is not the model's
        elif chosen.get(key) is not None:
            registry = Registry.of(group)
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
    layers = collect_layers(model, dataset, changes)
    for layer in layers:
        values.update(layer.values)
        search.update(layer.search)
    any_type = {key for layer in layers for key in layer.any_type}
    errors = []
    for key, value in changes.items():
        if key not in values:
            if key not in elsewhere:
                errors.append(f"unknown key {key!r}{nearest(key, values)} `--dry-run` prints the keys that there are.")
        elif key not in any_type and (problem := _type_error(key, value, values[key])):
            errors.append(problem)
    whole = {k for k, v in values.items() if isinstance(v, int) and isinstance(changes.get(k), float)}  # 1e4 is a float
    applied = {key: value for key, value in changes.items() if key in values}
    defaults = {key: values[key] for key in applied}
    values.update(applied, model=model, dataset=dataset)
    if not errors:
        errors = list(_value_errors(values, layers))
    if errors:
        raise ConfigError("\n".join(errors))
    for key in whole - any_type:
        values[key] = applied[key] = int(values[key])
    return Config(values, search, applied, defaults)
