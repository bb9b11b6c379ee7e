"""Values of tables as text, numbers and names."""

from __future__ import annotations

import ast
import math
from typing import Any

from .literals import nested

WRITTEN_NOTHING = {"nan", "NaN", "NAN", "None", "null", "NULL", "\\N", "N/A", "n/a", "<NA>", "NaT"}
NAMES_OF_OBJECTS = ("name", "title", "label", "value", "text")  # by which an object is called, the first that is there
SIGNS = ("|", ",", ";")


def as_text(value: Any) -> str:
    """`value` in one line of text: absent and NaN are empty, whole floats are integers, lists are joined.

    Lists that are written out are lists; of objects their names or values are joined. Never a `repr`.
    """
    value = nested(value)
    if value is None or isinstance(value, float) and math.isnan(value):
        return ""
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    if isinstance(value, bytes):
        value = value.decode(errors="replace")
    if isinstance(value, (list, tuple)):
        value = " ".join(filter(None, map(as_text, value)))
    elif isinstance(value, dict):
        value = _named(value)
    text = " ".join(str(value).split())
    if text[:2] in ("b'", 'b"') and text[-1:] == text[1]:
        text = _of_bytes(text)
    return "" if text in WRITTEN_NOTHING else text


def _named(value: dict[str, Any]) -> str:
    """An object's name; without one, its values."""
    name = next((as_text(value[key]) for key in NAMES_OF_OBJECTS if as_text(value.get(key))), "")
    return name or " ".join(filter(None, map(as_text, value.values())))


def _of_bytes(text: str) -> str:
    try:
        return " ".join(ast.literal_eval(text).decode(errors="replace").split())
    except (ValueError, SyntaxError, AttributeError):
        return text


def as_id(value: Any) -> str:
    """A raw id; empty where there is none, as in a list or an object of several members."""
    value = nested(value) if isinstance(value, str) and value.startswith("{") else value
    if isinstance(value, dict):
        value = next(iter(value.values())) if len(value) == 1 else None  # {"$oid": "…"}
    return "" if isinstance(value, (list, tuple, dict)) else as_text(value)


def first_path(value: Any) -> Any:
    """The first list of a list of lists, as Amazon's category paths are; any other value as it is."""
    nested_lists = isinstance(value, (list, tuple)) and value and isinstance(value[0], (list, tuple))
    return value[0] if nested_lists else value


def as_names(value: Any, sign: str = "|") -> list[str]:
    """Distinct names in a list, in the first list of several, between signs, or of objects."""
    value = first_path(nested(value))
    if isinstance(value, dict):  # {"name": True, …} or one object
        parts: Any = list(value) if all(isinstance(v, (bool, int, float)) for v in value.values()) else [value]
    elif isinstance(value, (list, tuple)):
        parts = value
    else:
        parts = as_text(value).split(None if sign == " " else sign)
    return list(dict.fromkeys(filter(None, map(as_text, parts))))


def dividing_sign(values: list[Any]) -> str:
    """What divides names in texts: the bar, or a comma or semicolon that most cells have."""
    texts = [text for value in values if isinstance(value, str) and (text := value.strip()) and nested(value) is value]
    if any("|" in text for text in texts):
        return "|"
    return next((sign for sign in SIGNS[1:] if 2 * sum(sign in text for text in texts) > len(texts)), "|")


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
