"""Values as they are written: JSON, and Python's own literals, which many published files have in its place."""

from __future__ import annotations

import ast
import json
from typing import Any

BRACKETS = {"[": "]", "{": "}", "(": ")"}


class NoLiteral(ValueError):
    """The text is neither JSON nor a Python literal."""


def parse(text: str) -> Any:
    """The value that `text` is; nothing in it is run.

    Raises:
        NoLiteral: it is none, or too deep.
    """
    text = text.strip()
    for read in (json.loads, ast.literal_eval):
        try:
            return read(text)
        except (ValueError, SyntaxError, TypeError, MemoryError, RecursionError):
            continue
    raise NoLiteral(text[:60])


def parse_object(text: str) -> dict[str, Any]:
    """The object that `text` is; empty if it is none."""
    try:
        row = parse(text)
    except NoLiteral:
        return {}
    return row if isinstance(row, dict) else {}


def nested(value: Any) -> Any:
    """A list or an object that a cell holds as text (`"['a', 'b']"`); any other value as it is."""
    if isinstance(value, str) and len(value) > 1:
        text = value.strip()
        if BRACKETS.get(text[:1]) == text[-1:] and text[:1] != "(":
            try:
                found = parse(text)
            except NoLiteral:
                return value
            return found if isinstance(found, (list, dict)) else value
    return value
