"""What may stand under `search` in a YAML file: for each key a list of values to try, or a range."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from .yaml_values import flow


def space_errors(space: Any) -> Iterator[str]:
    """Messages on what is neither a list of values nor a range."""
    if not isinstance(space, Mapping):
        yield f"search: must be a mapping of keys to lists or ranges, not {flow(space)}."
        return
    for key, choices in space.items():
        if isinstance(choices, Mapping):
            if problem := _range_error(choices):
                yield f"search: {key}: {flow(dict(choices))}: {problem}"
        elif not isinstance(choices, list) or not choices:
            yield f"search: {key}: must be a list of values to try, or a range such as {{low: 0.001, high: 0.1}}."


def values_in(choices: Any) -> list[Any]:
    """The values of a list, or the two ends of a range: what the key's kind must allow."""
    return [choices["low"], choices["high"]] if isinstance(choices, Mapping) else list(choices)


def _range_error(limits: Mapping[str, Any]) -> str | None:
    if unknown := limits.keys() - {"low", "high", "log", "step"}:
        return f"a range has low, high, log and step, no {', '.join(map(str, sorted(unknown)))}."
    numbers = [limits.get("low"), limits.get("high"), limits.get("step", 1)]
    if not all(isinstance(number, int | float) and not isinstance(number, bool) for number in numbers):
        return "low, high and step must be numbers (1.0e-3 is one, 1e-3 is text in YAML)."
    low, high, step = numbers
    if not low < high:
        return "low must be below high."
    if not isinstance(limits.get("log", False), bool):
        return "log must be true or false."
    if limits.get("log") and (low <= 0 or "step" in limits):
        return "with log: true, low must be above 0, and there is no step."
    return None if step > 0 else "step must be above 0."
