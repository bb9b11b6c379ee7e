"""`key=[a, b]` on the command line, where the key holds one value: a run for each."""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from typing import Any

from ..config import MACHINE_KEYS
from ..config_layers import Layer, collect_layers, kind_of
from ..errors import ConfigError
from ..yaml_values import flow


def expand(model: str, dataset: str, changes: Mapping[str, Any]) -> list[dict[str, Any]]:
    """One set of changes for each combination of the values of keys that hold one value and were given a list.

    A list stays as it is for a key whose value may be one, and for a key that the model does not know. Options come
    first: they bring keys of their own.

    Raises:
        ConfigError: an empty list, or several values of a key that changes no result.
    """
    single = {key: value for key, value in changes.items() if not isinstance(value, list)}
    groups = {key for layer in collect_layers(model, dataset, single) for key in layer.option_groups}
    chosen = []
    for with_options in _combinations(changes, groups):
        options = {key: value for key, value in with_options.items() if not isinstance(value, list)}
        keys = _holding_one_value(collect_layers(model, dataset, options))
        chosen += _combinations(with_options, keys)
    return chosen


def _holding_one_value(layers: list[Layer]) -> set[str]:
    return {key for layer in layers for key in layer.values if not kind_of(key, layers).takes_list}


def _combinations(changes: Mapping[str, Any], keys: set[str]) -> list[dict[str, Any]]:
    """The changes with each combination of the values of those of `keys` that have lists."""
    lists = {}
    for key, values in changes.items():
        if key not in keys or not isinstance(values, list):
            continue
        if not values:
            raise ConfigError(f"{key}=[]: names nothing to run; give one or more values, such as {key}=[a, b].")
        if key in MACHINE_KEYS - {"seed"}:
            raise ConfigError(f"{key}={flow(values)}: several values make a run each, but {key} changes no result.")
        lists[key] = list({flow(value): value for value in values}.values())
    return [{**changes, **dict(zip(lists, choice))} for choice in itertools.product(*lists.values())]
