"""Times as people and programs write them, as seconds since 1970."""

from __future__ import annotations

import math
import re
from datetime import date, datetime, timedelta, timezone
from typing import Any

YEAR_1, YEAR_10000 = -62_135_596_800, 253_402_300_800  # their beginnings, in seconds since 1970
MONTHS = {name: n for n, name in enumerate("jan feb mar apr may jun jul aug sep oct nov dec".split(), start=1)}
ISO = re.compile(
    r"(\d{4})[-/.](\d{1,2})[-/.](\d{1,2})(?:[T ]+(\d{1,2}):(\d{2})(?::(\d{2})(?:[.,](\d{1,9}))?)?)?"
    r"\s*(Z|UTC|GMT|[+-]\d{2}:?\d{2}|[+-]\d{2})?",
    re.I,
)
DAY_NUMBER = re.compile(r"(19|20)\d{2}(0[1-9]|1[0-2])(0[1-9]|[12]\d|3[01])")  # 20171026
CLOCK = re.compile(r"(\d{1,2}):(\d{2})(?::(\d{2}))?(?:\.\d+)?\s*([ap]\.?m\.?)?", re.I)
ZONE = re.compile(r"\s*(?:UTC|GMT)?\s*([+-])(\d{2}):?(\d{2})\b")
FORMS = "seconds since 1970 (or ms, µs, ns), ISO 8601, or with the month by its name; any other with --time-format"


def as_time(value: Any, form: str | None = None) -> float:
    """Seconds since 1970 of a number, a date or a text (UTC by default); NaN if it is none.

    A number that is no second of the years 1 to 9999 is taken for milliseconds, else micro- or nanoseconds; one such as
    20171026 for a day. Texts are in ISO 8601 or name the month (`Thu Oct 26 07:56:49 -0700 2017`, `October 5, 2017`).

    Args:
        form: of `datetime.strptime`, for all others, such as `%d/%m/%Y`.
    """
    try:
        if form is not None:
            return _seconds(datetime.strptime(str(value).strip(), form))
        if isinstance(value, datetime):
            return _seconds(value)
        if isinstance(value, date):
            return _seconds(datetime(value.year, value.month, value.day))
        return _of_number(value) if isinstance(value, (int, float)) else _of_text(str(value).strip())
    except (TypeError, ValueError, OverflowError, AttributeError):
        return math.nan


def _of_number(value: float) -> float:
    if not math.isfinite(value):
        return math.nan
    if float(value).is_integer() and DAY_NUMBER.fullmatch(str(int(value))):
        return _seconds(datetime.strptime(str(int(value)), "%Y%m%d"))
    seconds = (value / unit for unit in (1, 1e3, 1e6, 1e9))
    return next((second for second in seconds if YEAR_1 <= second < YEAR_10000), math.nan)


def _of_text(text: str) -> float:
    try:
        return _of_number(float(text))
    except ValueError:
        pass
    found = ISO.fullmatch(text)
    if found is None:
        return _with_month(text)
    year, month, day, hour, minute, second = (int(part or 0) for part in found.groups()[:6])
    fraction = float(f"0.{found[7]}") if found[7] else 0.0
    return _seconds(datetime(year, month, day, hour, minute, second), found[8]) + fraction


def _with_month(text: str) -> float:
    """A text with the month in letters, and beside it, in any order, a year of four digits and a day."""
    clock = CLOCK.search(text)
    zone = ZONE.match(text, clock.end()) if clock else None  # elsewhere it is a year: 05-Oct-2017
    rest = text[: clock.start()] + " " + text[(zone or clock).end() :] if clock else text
    months = {MONTHS[word[:3].lower()] for word in re.findall(r"[A-Za-z]{3,}", rest) if word[:3].lower() in MONTHS}
    years = re.findall(r"(?<!\d)\d{4}(?!\d)", rest)
    days = re.findall(r"(?<!\d)\d{1,2}(?=st\b|nd\b|rd\b|th\b|\b)", rest)
    if len(months) != 1 or len(years) != 1 or len(days) != 1:
        return math.nan
    hour, minute, second = (int(part or 0) for part in clock.groups()[:3]) if clock else (0, 0, 0)
    if clock and clock[4]:
        hour = hour % 12 + (12 if clock[4][0] in "pP" else 0)
    return _seconds(
        datetime(int(years[0]), months.pop(), int(days[0]), hour, minute, second), zone[0] if zone else None
    )


def _seconds(time: datetime, zone: str | None = None) -> float:
    sign = re.search(r"([+-])(\d{2}):?(\d{2})?", zone or "")
    if sign:
        ahead = timedelta(hours=int(sign[2]), minutes=int(sign[3] or 0))
        time = time.replace(tzinfo=timezone(ahead if sign[1] == "+" else -ahead))
    return (time if time.tzinfo else time.replace(tzinfo=timezone.utc)).timestamp()
