"""The YAML layers of a configuration: where their files are, what each says of its keys, and what these allow."""

from __future__ import annotations

import functools
import logging
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import Any

import mmrec_configs

from .errors import ConfigError
from .registry import Registry, nearest
from .trust import data_errors
from .yaml_values import flow, read_mapping

log = logging.getLogger(__name__)

LIST_OR_ONE = {"topk", "metrics", "modalities", "track"}  # MMRec takes a single value for these too


@dataclass
class Layer:
    """Flat values from one place, and what its YAML says about them.

    Attributes:
        search: key -> values that `--search` tries.
        option_groups: key -> folder of the YAML that the key's value names.
        minimum: key -> smallest allowed number.
        allowed: key -> allowed values.
        any_type: keys whose values may be of another type than the default.
        absent: key -> what a run computed that was recorded before there was this key.
    """

    values: dict[str, Any]
    search: dict[str, list[Any]] = field(default_factory=dict)
    option_groups: dict[str, str] = field(default_factory=dict)
    minimum: dict[str, float] = field(default_factory=dict)
    allowed: dict[str, list[Any]] = field(default_factory=dict)
    any_type: list[str] = field(default_factory=list)
    absent: dict[str, Any] = field(default_factory=dict)


def folders() -> list[Path]:
    """Where YAML files are looked for: `./mmrec_configs` first, then the installed package."""
    packaged = Path(mmrec_configs.__file__).parent
    local = Path.cwd() / "mmrec_configs"
    return [local, packaged] if local.is_dir() and local.resolve() != packaged.resolve() else [packaged]


@functools.cache
def _say_where(folder: Path) -> None:
    """Say, once a process, that settings come from a folder that is only there because of where one stands."""
    log.info("settings are read from %s too", folder)


def yaml_file(group: str, name: str) -> Path | None:
    """The YAML file of `name` in the folder of a group ("dataset", "model", "encoder", …), or None."""
    if name in (".", "..") or "/" in name or "\\" in name:  # a name, which may come from a data folder or a run
        return None
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


def absent_values(model: str) -> dict[str, Any]:
    """What a recorded run of `model` computed, of keys that its record may be too old to have."""
    paths = [yaml_file("", "overall"), find_yaml("model", model)]
    return {key: value for path in paths if path is not None for key, value in read_layer(path).absent.items()}


def known_yamls(group: str) -> dict[str, Path]:
    """Names with a YAML file in a group, and the files."""
    return {p.stem: p for f in reversed(folders()) for p in sorted((f / group).glob("*.yaml"))}


def read_layer(path: Path, dataset: str | None = None) -> Layer:
    """One YAML file; its `tuned` values for `dataset` win, lists under MMRec's `hyper_parameters` become a search."""
    values = read_mapping(path)
    said = {f.name: v for f in fields(Layer) if f.name != "values" and (v := values.pop(f.name, None))}
    layer = Layer(values, **said)
    tuned = values.pop("tuned", None) or {}
    listed = values.pop("hyper_parameters", None) or []
    if not isinstance(listed, list):
        raise ConfigError(f"{path}: hyper_parameters must be a list of keys, not {flow(listed)}.")
    for key in listed:
        if key not in values:  # MMRec lists `seed` for its overall.yaml; the value is another layer's
            continue
        if not isinstance(values[key], list) or not values[key]:
            raise ConfigError(f"{path}: {key!r} stands under hyper_parameters, so it must be a list of values to try.")
        layer.search[key] = values[key]
        values[key] = values[key][0]
        if type(values[key]) is int:  # a weight's grid may begin with 0 or 1
            layer.any_type.append(key)
    if not all(isinstance(v, list) and v for v in layer.search.values()):
        raise ConfigError(f"{path}: every key under `search` must be a list of values to try.")
    values.update(tuned.get(dataset) or {})
    return layer


def _data_layer(file: Path, below: Sequence[Layer]) -> Layer:
    """What a data folder says of itself; `ConfigError` for anything that it may not say."""
    values = read_mapping(file)
    defaults = {key: value for layer in below for key, value in layer.values.items()}
    errors = list(data_errors(file, values))
    types = (type_error(key, value, defaults.get(key)) for key, value in values.items())
    errors += [f"{file}: {problem}" for problem in types if problem]
    if errors:
        raise ConfigError("\n".join(errors))
    return Layer(values)


def collect_layers(model: str, dataset: str, changes: Mapping[str, Any]) -> list[Layer]:
    """The YAML layers of one model on one dataset, lowest first; `changes` may choose the option groups.

    Raises:
        ConfigError: an option group has no such name.
    """
    for folder in folders()[:-1]:
        _say_where(folder)
    overall = [path for folder in reversed(folders()) if (path := folder / "overall.yaml").is_file()]
    layers = [read_layer(path) for path in overall]
    default = {k: v for layer in layers for k, v in layer.values.items()}["data_path"]
    data_path = Path(str(changes.get("data_path", default)))
    file = yaml_file("dataset", dataset)
    if file is not None:
        layers.append(read_layer(file, dataset))
    beside = data_path / dataset / "dataset.yaml"
    if beside.is_file():
        layers.append(_data_layer(beside, layers))
    own = _own_layer("model", model, dataset)
    if own is not None:
        layers.append(own)
    chosen: dict[str, Any] = {}
    groups: dict[str, str] = {}
    for layer in layers:
        chosen.update(layer.values)
        groups.update(layer.option_groups)
    chosen.update(changes)
    errors: list[str] = []
    for key, group in groups.items():
        name = str(chosen.get(key))
        option = _own_layer(group, name, dataset)
        if option is not None:
            layers.append(replace(option, search={}))  # a base's grid is not the model's
        elif chosen.get(key) is not None:
            registry = Registry.of(group)
            known = sorted({*known_yamls(group), *(registry.names() if registry else ())})
            errors.append(f"{key}={name!r} is unknown{nearest(name, known)} Known: {', '.join(known)}.")
    if errors:
        raise ConfigError("\n".join(errors))
    return layers


def type_error(key: str, value: Any, default: Any) -> str | None:
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
        fits = isinstance(value, list) or (key in LIST_OR_ONE and isinstance(value, (str, int, float)))
        wanted = "a list such as [a, b]"
    else:
        fits, wanted = isinstance(value, str), "text"
    return None if fits else f"{key}={flow(value)}: must be {wanted}"


def value_errors(values: Mapping[str, Any], layers: Sequence[Layer]) -> Iterator[str]:
    """Messages on the values that are out of the range that the layers allow."""
    for layer in layers:
        for key, least in layer.minimum.items():
            value = values.get(key)
            if isinstance(value, (int, float)) and not value >= least:
                yield f"{key}={value}: must be {least} or more"
        for key, choices in layer.allowed.items():
            if values.get(key) not in choices:
                yield f"{key}={flow(values.get(key))}: must be one of {', '.join(map(flow, choices))}"
