"""What a search may try: `search` in a model's YAML, a list of values or a range for each key."""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from typing import Any

from ..config import Config
from ..errors import ConfigError
from ..yaml_values import flow

Space = dict[str, Any]
"""Key -> list of values, or a range {low, high, log, step}."""


def space_of(config: Config) -> Space:
    """The search space of a configuration; a key that was overridden is not searched.

    Raises:
        ConfigError: nothing to search.
    """
    space = {key: choices for key, choices in config.search.items() if key not in config.overrides}
    if not space:
        raise ConfigError(
            f"{config['model']}: its YAML has no `search` key whose values are free, so there is nothing to search."
        )
    return space


def combinations(space: Space) -> list[dict[str, Any]]:
    """All combinations of a grid; the last key varies fastest.

    Raises:
        ConfigError: a range, of which there are too many.
    """
    if ranges := [key for key, choices in space.items() if not isinstance(choices, list)]:
        raise ConfigError(
            f"search: {', '.join(ranges)}: a range is no grid. `--search optuna --trials N` samples it; or give a list."
        )
    return [dict(zip(space, values)) for values in itertools.product(*space.values())]


def words_of(values: Mapping[str, Any]) -> str:
    """The values as one would give them on the command line."""
    return " ".join(f"{key}={flow(value)}" for key, value in values.items())


def describe(combination: Mapping[str, Any]) -> str:
    """A combination and what came out, in a line."""
    words = words_of(combination["values"])
    if combination["score"] is None:
        return f"{combination.get('phase', 'diverged')}  {words}"
    phase, epoch, seconds = (combination[key] for key in ("phase", "epoch", "seconds"))
    return f"{combination['score']:.4f}  {words}  ({phase}, epoch {epoch}, {seconds:.0f} s)"


def rank_of(combination: Mapping[str, Any]) -> float:
    """Sorts the best first, and those without a score last."""
    return -combination["score"] if combination["score"] is not None else float("inf")
