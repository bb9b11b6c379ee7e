"""Item columns whose cells hold several ids: what divides them, and which they are."""

from __future__ import annotations

import re
from typing import Any

from .columns import holds_list, value_of
from .literals import nested
from .rows import Table
from .values import SIGNS, as_id, as_text

MANY_NAMES = ("items", "itemids", "itemidlist", "history", "sequence")


def dividing_ids(table: Table, column: str) -> str | None:
    """What divides the ids where an item column's cells hold several: a sign, or "" for lists; None for one each.

    Texts count as several where the column's name or type says so, or where all parts are numbers.
    """
    listed = holds_list(column) or column.replace("_", "").lower() in MANY_NAMES
    values = [value_of(row, column) for row in table.first]
    shown = [value for value in values if value not in (None, "")]
    if any(isinstance(nested(value), (list, tuple)) for value in shown):
        return ""
    texts = [value.strip(" []") for value in shown if isinstance(value, str)]  # numpy prints lists without commas
    for sign in (" ", *SIGNS):
        parts = [[p for p in re.split(rf"[{re.escape(sign)}\s]+", text) if p] for text in texts]
        if any(len(part) > 1 for part in parts):
            numbers = all(p.isdecimal() for part in parts for p in part)
            if listed or numbers:
                return sign
    return None


def ids_in(value: Any, sign: str | None) -> list[str]:
    """The ids in a cell whose ids `sign` divides, as `dividing_ids` has it; one where it is None."""
    if sign is None:
        found = as_id(value)
        return [found] if found else []
    value = nested(value)
    if not isinstance(value, (list, tuple)):
        text = as_text(value).strip("[]")
        value = text.replace(sign, " ").split() if sign.strip() else text.split()
    return [as_id(each) for each in value]
