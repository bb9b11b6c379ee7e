"""What the columns of a table without a header are, by their places and values."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from statistics import median
from typing import Any

from mmrec_host.errors import ConfigError

from .rows import Table
from .values import as_number

LATE = 1e8  # seconds: ratings are smaller, and times later than 1973
ASIN = re.compile(r"B0[0-9A-Z]{8}|\d{9}[\dX]")  # Amazon's files of 2018 have the product before the customer
PICTURE = re.compile(r".*\.(?:jpe?g|png|webp|gif|bmp|avif|tiff?)(?:\?.*)?", re.I)


def interaction_columns(table: Table) -> dict[str, str]:
    """Meaning -> column of user, item and, by their numbers, rating and time; `ConfigError` if there are more."""
    shown = [[row.get(name) for row in table.first] for name in table.columns]
    if not 2 <= len(shown) <= 4:
        raise _ask(table.path, table.columns, table.first, "--columns user,item,rating,time")
    users, items = (0, 1) if not _asins(shown[0]) or _asins(shown[1]) else (1, 0)
    chosen = {"user": table.columns[users], "item": table.columns[items]}
    for name, values in list(zip(table.columns, shown))[2:]:
        numbers = [number for value in values if (number := as_number(value)) == number]
        meaning = "time" if not numbers or median(numbers) > LATE else "rating"
        chosen.setdefault(meaning, name)
    return chosen


def item_columns(table: Table) -> dict[str, str]:
    """Meaning -> column of id, title and the first column of pictures."""
    chosen = {"id": table.columns[0], "title": table.columns[1]}
    for name in table.columns[2:]:
        values = [str(row.get(name) or "") for row in table.first]
        if sum(bool(PICTURE.fullmatch(value)) for value in values) * 2 > len(values):
            chosen.setdefault("image", name)
        elif sum("|" in value for value in values) * 4 > len(values):
            chosen.setdefault("category", name)
    return chosen


def _asins(values: Sequence[Any]) -> bool:
    return all(isinstance(value, str) and ASIN.fullmatch(value) for value in values)


def _ask(path: Path, columns: Sequence[str], rows: Sequence[dict[str, Any]], flag: str) -> ConfigError:
    values = ", ".join(str(rows[0].get(name)) for name in columns)
    return ConfigError(
        f"{path}: no line names the columns; the first has {len(columns)} values: {values[:200]}. Name them in their "
        f"order: {flag} (any name for one that is not read)."
    )
