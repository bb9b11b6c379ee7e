"""The configuration of a run as its folder says it, as far as a folder that may come from others is believed."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ..config import Config
from ..config_layers import Layer, absent_values, collect_layers, kind_of, value_errors
from ..errors import ConfigError
from ..models.base import MODELS
from ..trust import given_error, leads_away, path_error, user_keys
from ..yaml_values import read_mapping

log = logging.getLogger(__name__)

# What must be there for a run's own path to be taken: the data are only read, and a cache is never begun there.
PLACES = {"data_path": "", "cache_path": "data.mdb"}


def recorded_config(file: Path, given: Mapping[str, Any]) -> Config:
    """The configuration in a run folder's config.yaml, or in the settings of an exported adapter.

    It may set the keys that the YAML files of its model know here, to numbers and names. Paths and addresses among
    them are taken where the user's own YAML files say the same. What is the user's alone (`keys.yaml`) is theirs,
    but for `data_path` and `cache_path`, where the run's are there.

    Args:
        given: keys that the user gives, which win.

    Raises:
        ConfigError: an unreadable file, an unknown model, a value of the wrong type or range, or a path; a given key
            that would change what was trained.
    """
    recorded = read_mapping(file)
    names = {key: recorded.get(key) for key in ("model", "dataset")}
    for key, name in names.items():
        if not isinstance(name, str) or leads_away(name):
            raise ConfigError(f"{file}: {key}={name!r}: must be a name.")
    model, dataset = str(names["model"]), str(names["dataset"])
    if problem := given_error(given, recorded):
        raise ConfigError(problem)
    MODELS.get(model)
    try:
        layers = collect_layers(model, dataset, {k: v for k, v in recorded.items() if k not in user_keys()})
    except ConfigError as error:
        raise ConfigError(f"{file}: {error}") from error
    own = {key: value for layer in layers for key, value in layer.values.items()}
    believed, errors = _believed(file, recorded, given, own, layers)
    if errors:
        raise ConfigError("\n".join(errors))
    places = {key: _place(file, key, recorded.get(key), own[key], dataset) for key in PLACES if key not in given}
    return Config({
        **absent_values(model), **believed, **{key: own[key] for key in user_keys() if key in own},
        **places, **given, **names,
    })  # fmt: skip


def _believed(
    file: Path, recorded: Mapping[str, Any], given: Mapping[str, Any], own: Mapping[str, Any], layers: list[Layer]
) -> tuple[dict[str, Any], list[str]]:
    """The keys that the run may set, and what is wrong with them."""
    believed, unknown, errors = {}, [], []
    for key, value in recorded.items():
        if key in given or key in user_keys() or key in ("model", "dataset"):
            continue
        if key not in own:
            unknown.append(str(key))
        elif leads_away(value) and value != own[key]:
            errors.append(path_error(file, key, value, "a run", "on the command line"))
        elif problem := kind_of(key, layers).error(key, value):
            errors.append(f"{file}: {problem}.")
        else:
            believed[key] = value
    if unknown:
        log.warning("%s: left out, as no YAML file here knows them: %s", file, ", ".join(unknown))
    errors += value_errors({key: value for key, value in own.items() if key not in believed}, layers, {})
    return believed, errors


def _place(file: Path, key: str, said: Any, own: Any, dataset: str) -> Any:
    if isinstance(said, str) and said != own:
        if (Path(said) / dataset / PLACES[key]).exists():
            return said
        log.info("%s: %s=%s has no %s; %s is taken, unless you say %s=…", file, key, said, dataset, own, key)
    return own
