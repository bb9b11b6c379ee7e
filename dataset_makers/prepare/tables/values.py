"""Values of tables as text, numbers and times."""

from __future__ import annotations

import math
from datetime import date, datetime, timezone
from typing import Any

YEAR_1, YEAR_10000 = -62_135_596_800, 253_402_300_800  # their beginnings, in seconds since 1970


def as_text(value: Any) -> str:
    """`value` in one line of text: absent and NaN are empty, whole floats are integers, lists are joined."""
    if value is None or value != value:  # noqa: PLR0124 - NaN of any type
        return ""
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    if isinstance(value, bytes):
        value = value.decode(errors="replace")
    if isinstance(value, (list, tuple)):
        value = " ".join(filter(None, map(as_text, value)))
    return " ".join(str(value).split())


def first_path(value: Any) -> Any:
    """The first list of a list of lists, as Amazon's category paths are; any other value as it is."""
    nested = isinstance(value, (list, tuple)) and value and isinstance(value[0], (list, tuple))
    return value[0] if nested else value


def as_names(value: Any) -> list[str]:
    """Distinct names in a list, in the first list of several, or between bars."""
    value = first_path(value)
    parts = value if isinstance(value, (list, tuple)) else as_text(value).split("|")
    return list(dict.fromkeys(filter(None, map(as_text, parts))))


def is_whole_float(text: str) -> bool:
    """Whether `text` is a whole number as a float is written, such as `12.0`."""
    return text.endswith(".0") and text.removeprefix("-")[:-2].isdecimal()


def whole_ids(ids: list[str]) -> list[str]:
    """`ids` without their `.0`, if all of them have it: a column of whole numbers that was written as floats."""
    return [text[:-2] for text in ids] if all(map(is_whole_float, ids)) else ids


def as_number(value: Any) -> float:
    """`value` as a number; NaN if it is none."""
    try:
        number = float(value)
    except (TypeError, ValueError):
        return math.nan
    return number if math.isfinite(number) else math.nan


def as_time(value: Any) -> float:
    """Seconds since 1970 of a number, a date, or a text in ISO 8601 (UTC by default); NaN if it is none.

    A number that is no second of the years 1 to 9999 is taken for milliseconds, else micro- or nanoseconds.
    """
    number = as_number(value)
    if not math.isnan(number):
        seconds = (number / unit for unit in (1, 1e3, 1e6, 1e9))
        return next((second for second in seconds if YEAR_1 <= second < YEAR_10000), math.nan)
    try:
        if isinstance(value, str):
            value = datetime.fromisoformat(value.strip().replace("Z", "+00:00"))
        if isinstance(value, date) and not isinstance(value, datetime):
            value = datetime(value.year, value.month, value.day)
        if value.tzinfo is None:
            value = value.replace(tzinfo=timezone.utc)
        return value.timestamp()
    except (AttributeError, TypeError, ValueError, OverflowError):
        return math.nan
