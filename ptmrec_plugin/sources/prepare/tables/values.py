"""Values of tables as text, numbers and times."""

from __future__ import annotations

import math
from datetime import date, datetime, timezone
from typing import Any


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


def as_number(value: Any) -> float:
    """`value` as a number; NaN if it is none."""
    try:
        number = float(value)
    except (TypeError, ValueError):
        return math.nan
    return number if math.isfinite(number) else math.nan


def as_time(value: Any) -> float:
    """Seconds since 1970 of a number, a date, or a text in ISO 8601 (UTC by default); NaN if it is none."""
    number = as_number(value)
    if not math.isnan(number):
        return number
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
