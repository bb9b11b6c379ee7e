"""The YAML layers of a configuration: where their files are, what each says of its keys, and what these allow."""

from __future__ import annotations

import functools
import logging
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import mmrec_configs

from .declared_keys import declared_kinds
from .errors import ConfigError, noted
from .kinds import Kind, kind_like, parse_kind, shortened
from .registry import Registry, nearest
from .search_spaces import space_errors, values_in
from .trust import data_errors
from .yaml_values import read_mapping

log = logging.getLogger(__name__)


@dataclass
class Layer:
    """Flat values from one place, and what its YAML says about them.

    Attributes:
        search: key -> values that `--search` tries, or a range that it samples.
        option_groups: key -> folder of the YAML that the key's value names.
        kinds: key -> what its value may be (`kinds.Kind`, in words), where `keys.yaml` does not say it.
        absent: key -> what a run computed that was recorded before there was this key.
        source: the file, for messages.
    """

    values: dict[str, Any]
    search: dict[str, Any] = field(default_factory=dict)
    option_groups: dict[str, str] = field(default_factory=dict)
    kinds: dict[str, str] = field(default_factory=dict)
    absent: dict[str, Any] = field(default_factory=dict)
    source: str = ""


SAID = ("search", "option_groups", "kinds", "absent")
"""What a YAML file may say of its keys; each a mapping."""

STRUCTURE = {*SAID, "tuned", "hyper_parameters"}
"""All that is no key in a YAML file."""

BEFORE_KINDS = {"minimum", "allowed", "any_type"}


def folders() -> list[Path]:
    """Where YAML files are looked for: `./mmrec_configs` first, then the installed package."""
    packaged = Path(mmrec_configs.__file__).parent
    local = Path.cwd() / "mmrec_configs"
    return [local, packaged] if local.is_dir() and local.resolve() != packaged.resolve() else [packaged]


NAME = parse_kind("name")


@functools.cache
def _say_where(folder: Path) -> None:
    """Say, once a process, that settings come from a folder that is only there because of where one stands."""
    log.info("settings are read from %s too", folder)


def yaml_file(group: str, name: str) -> Path | None:
    """The YAML file of `name` in the folder of a group ("dataset", "model", "encoder", …), or None."""
    if name != "overall" and not NAME.fits(name) or name in (".", ".."):  # it may come from a data folder or a run
        return None
    return next((p for f in folders() if (p := f / group / f"{name}.yaml").is_file()), None)


def _registered(group: str, name: str) -> Any:
    """The object registered under `name` in a group that is a registry too, or None; packages are imported for it."""
    registry = Registry.of(group)
    return registry.get(name) if registry is not None and name in registry else None


def find_yaml(group: str, name: str) -> Path | None:
    """The YAML file of a model or an option: in its group's folder, or the `yaml` of the object registered so."""
    return yaml_file(group, name) or getattr(_registered(group, name), "yaml", None)


def own_layer(group: str, name: str, dataset: str) -> Layer | None:
    """What a model or an option brings; None if it is unknown.

    It is the YAML of its group's folder, or of the object that is registered so: what its `yaml_values(dataset)`
    returns as such a YAML has it, the file `yaml`, or the plain values `defaults`.
    """
    path = yaml_file(group, name)
    if path is not None:
        return read_layer(path, dataset)
    registered = _registered(group, name)
    if registered is None:
        return None
    theirs = getattr(registered, "yaml", None)
    if hasattr(registered, "yaml_values"):
        layer = layer_of(registered.yaml_values(dataset), theirs or Path(f"{name}.yaml"), dataset)
    elif theirs is None:
        return Layer(dict(getattr(registered, "defaults", {})), source=f"{group} {name}")
    else:
        layer = read_layer(theirs, dataset)
    # MMRec's, whose keys may mean something else than ours of the same name
    return replace(layer, kinds={key: kind_like(value) for key, value in layer.values.items()} | layer.kinds)


def absent_values(model: str) -> dict[str, Any]:
    """What a recorded run of `model` computed, of keys that its record may be too old to have."""
    paths = [yaml_file("", "overall"), find_yaml("model", model)]
    return {key: value for path in paths if path is not None for key, value in read_layer(path).absent.items()}


def known_yamls(group: str) -> dict[str, Path]:
    """Names with a YAML file in a group, and the files."""
    return {p.stem: p for f in reversed(folders()) for p in sorted((f / group).glob("*.yaml"))}


def read_layer(path: Path, dataset: str | None = None) -> Layer:
    """One YAML file; see `layer_of`.

    Raises:
        ConfigError: it cannot be read, or what it says of its keys has another shape than it must have.
    """
    return layer_of(read_mapping(path), path, dataset)


def layer_of(values: dict[str, Any], path: Path, dataset: str | None) -> Layer:
    """What a YAML says: its `tuned` values for `dataset` win, lists under MMRec's `hyper_parameters` become a search.

    Args:
        path: its file, for messages.
    """
    if old := sorted(BEFORE_KINDS & values.keys()):
        raise ConfigError(
            f"{path}: {', '.join(old)}: say under `kinds` what a key may be, such as kinds: {{rank: whole 1.., mode: "
            "a | b}."
        )
    said = {name: _mapping(path, name, values.pop(name, None)) for name in SAID}
    for name in ("option_groups", "kinds"):
        if odd := [key for key, word in said[name].items() if not isinstance(word, str)]:
            raise ConfigError(f"{path}: {name}: {odd[0]}={shortened(said[name][odd[0]])}: must be a word.")
    layer = Layer(values, **said, source=str(path))
    tuned = _mapping(path, "tuned", values.pop("tuned", None))
    listed = values.pop("hyper_parameters", None) or []
    if not isinstance(listed, list):
        raise ConfigError(f"{path}: hyper_parameters must be a list of keys, not {shortened(listed)}.")
    for key in listed:
        if not isinstance(key, str) or key not in values:  # MMRec lists `seed`; the value is another layer's
            continue
        if not isinstance(values[key], list) or not values[key]:
            raise ConfigError(f"{path}: {key!r} stands under hyper_parameters, so it must be a list of values to try.")
        layer.search[key] = values[key]
        values[key] = values[key][0]
        if type(values[key]) is int:  # a weight's grid may begin with 0 or 1
            layer.kinds.setdefault(key, "number")
    if errors := list(space_errors(layer.search)):
        raise ConfigError("\n".join(f"{path}: {error}" for error in errors))
    for kind in layer.kinds.values():
        with noted(errors):
            parse_kind(kind)
    if errors:
        raise ConfigError(f"{path}: kinds: {' '.join(errors)}")
    values.update({name: _mapping(path, f"tuned: {name}", own) for name, own in tuned.items()}.get(str(dataset), {}))
    return layer


def _mapping(path: Path, name: str, said: Any) -> dict[str, Any]:
    if said is None:
        return {}
    if not isinstance(said, dict) or not all(isinstance(key, str) for key in said):
        raise ConfigError(f"{path}: {name}={shortened(said)}: must be a mapping, such as `{name}: {{key: value}}`.")
    return said


def require_dataset_name(dataset: str) -> None:
    """`ConfigError` for what can be no dataset's name, since a folder is called so."""
    if problem := NAME.error("dataset", dataset) or (dataset in (".", "..") and f"dataset={dataset}: must be a name"):
        raise ConfigError(f"{problem}, such as mini; `ptmrec list datasets` shows the known ones.")


def _data_layer(file: Path, below: Sequence[Layer]) -> Layer:
    """What a data folder says of itself; `ConfigError` for anything that it may not say."""
    values = read_mapping(file)
    errors = list(data_errors(file, values))
    problems = (kind_of(key, below).error(key, value) for key, value in values.items())
    errors += [f"{file}: {problem}." for problem in problems if problem]
    if errors:
        raise ConfigError("\n".join(errors))
    return Layer(values, source=str(file))


def collect_layers(model: str, dataset: str, changes: Mapping[str, Any]) -> list[Layer]:
    """The YAML layers of one model on one dataset, lowest first; `changes` may choose the option groups.

    Raises:
        ConfigError: an option group has no such name; a dataset or a `data_path` that can be none.
    """
    require_dataset_name(dataset)
    for folder in folders()[:-1]:
        _say_where(folder)
    overall = [path for folder in reversed(folders()) if (path := folder / "overall.yaml").is_file()]
    layers = [read_layer(path) for path in overall]
    default = {k: v for layer in layers for k, v in layer.values.items()}["data_path"]
    if problem := parse_kind("path").error("data_path", changes.get("data_path", default)):
        raise ConfigError(f"{problem}: the folder in which the datasets' folders lie.")
    data_path = Path(changes.get("data_path", default))
    file = yaml_file("dataset", dataset)
    if file is not None:
        layers.append(read_layer(file, dataset))
    beside = data_path / dataset / "dataset.yaml"
    if beside.is_file():
        layers.append(_data_layer(beside, layers))
    own = own_layer("model", model, dataset)
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
        option = own_layer(group, name, dataset)
        if option is not None:
            layers.append(replace(option, search={}))  # a base's grid is not the model's
        elif chosen.get(key) is not None:
            registry = Registry.of(group)
            known = sorted({*known_yamls(group), *(registry.names() if registry else ())})
            errors.append(f"{key}={shortened(name)!r} is unknown{nearest(name, known)} Known: {', '.join(known)}.")
    if errors:
        raise ConfigError("\n".join(errors))
    return layers


def kind_of(key: str, layers: Sequence[Layer]) -> Kind:
    """What the value of a key may be: as a layer's own YAML file says, `keys.yaml`, or else the lowest default."""
    for layer in reversed(layers):
        if key in layer.kinds:
            return parse_kind(layer.kinds[key])
    if key in declared_kinds():
        return parse_kind(declared_kinds()[key])
    return parse_kind(kind_like(next((layer.values[key] for layer in layers if key in layer.values), None)))


def value_errors(values: Mapping[str, Any], layers: Sequence[Layer], given: Mapping[str, str]) -> Iterator[str]:
    """Messages on the values that are not what their keys may be, and where they were said.

    Args:
        given: key -> the file, or "" for the command line, of what stands above the layers.
    """
    for key, value in values.items():
        if (problem := kind_of(key, layers).error(key, value)) is None:
            continue
        where = given.get(key, next((layer.source for layer in reversed(layers) if key in layer.values), ""))
        yield f"{where}: {problem}." if where else f"{problem}."
    for layer in layers:
        for key, choices in layer.search.items():
            problems = {problem for value in values_in(choices) if (problem := kind_of(key, layers).error(key, value))}
            yield from (f"{layer.source}: search: {problem}." for problem in sorted(problems))
