"""Interactions and items from the user's own tables."""

from __future__ import annotations

import itertools
import math
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from mmrec_host.errors import DataError

from .faults import N_EXAMPLES, Faults
from .interaction_log import InteractionLog, LogBuilder
from .items import Item
from .tables.columns import choose, text_columns
from .tables.rows import Row, read_rows
from .tables.values import as_names, as_number, as_text, as_time, is_whole_float, whole_ids

Columns = dict[str, object]  # meaning -> column, or columns
N_FIRST = 1000  # rows that tell the columns; not every object of JSON lines has every key


def _start(path: Path, faults: Faults) -> tuple[list[str], Iterator[tuple[str, Row]]]:
    """The column names that the first rows have, and all rows."""
    rows = read_rows(path, faults)
    first = list(itertools.islice(rows, N_FIRST))
    if not first:
        raise DataError(f"{path}: holds no readable rows ({faults.total} faults).")
    return list(dict.fromkeys(name for _, row in first for name in row)), itertools.chain(first, rows)


def read_interactions(
    path: Path, named: Mapping[str, str | None], min_rating: float | None, faults: Faults
) -> tuple[InteractionLog, Columns]:
    """The rows of a table of interactions, and which columns were read.

    Args:
        named: "user", "item", "rating" and "time" -> the user's column name, or None to guess.
        min_rating: rows with less, or without a readable rating, are left out.

    Raises:
        ConfigError: a column is not there.
        DataError: the file cannot be read, or there is nothing in it.
    """
    names, rows = _start(path, faults)
    required = ("user", "item") if min_rating is None else ("user", "item", "rating")
    columns = choose(path, names, named, required)
    log = LogBuilder()
    for where, row in rows:
        user, item = as_text(row.get(columns["user"])), as_text(row.get(columns["item"]))
        rating = as_number(row.get(columns["rating"])) if "rating" in columns else 1.0
        time = as_time(row.get(columns["time"])) if "time" in columns else math.nan
        if not user or not item:
            faults.add("interaction without user or item (skipped)", f"{where}: {row}")
        elif "time" in columns and math.isnan(time):
            faults.add("interaction without a readable time (skipped)", f"{where}: {row.get(columns['time'])!r}")
        elif min_rating is not None and not rating >= min_rating:
            kind = "without a readable rating" if math.isnan(rating) else "rated too low"
            faults.add(f"interaction {kind} (skipped)", f"{where}: {row.get(columns['rating'])!r}")
        else:
            log.add(user, item, rating, time)
    made = log.build()
    made = replace(made, user_ids=whole_ids(made.user_ids), item_ids=whole_ids(made.item_ids))
    return made, dict(columns)


def read_items(
    path: Path, wanted: Collection[str], named: Mapping[str, str | None], text: Sequence[str] | None, faults: Faults
) -> tuple[dict[str, Item], dict[str, Item], Columns]:
    """The wanted items of a table by raw id, the others likewise, and which columns were read.

    Args:
        named: "id", "title", "image" and "category" -> the user's column name, or None to guess.
        text: the columns that make the text, or None to guess.

    Raises:
        ConfigError: a column is not there.
        DataError: the file cannot be read, there is nothing in it, or it describes no wanted item.
    """
    names, rows = _start(path, faults)
    columns = choose(path, names, named, ("id",))
    fields = text_columns(path, names, text)
    items: dict[str, Item] = {}
    others: dict[str, Item] = {}
    renamed: set[str] = set()
    ids: list[str] = []  # the first ones, as examples
    floats = True
    for where, row in rows:
        written = as_text(row.get(columns["id"]))
        floats = floats and (not written or is_whole_float(written))
        ids += [written] if written and len(ids) < N_EXAMPLES else []
        item = written if written in wanted else whole_ids([written])[0]
        if not item:
            faults.add("item without an id (skipped)", f"{where}: {row}")
        elif item in items:
            faults.add("item described twice (first kept)", f"{where}: {item}")
        else:
            title, image = (as_text(row.get(columns[key])) if key in columns else "" for key in ("title", "image"))
            words = " ".join(filter(None, (as_text(row.get(name)) for name in fields)))
            categories = as_names(row.get(columns["category"])) if "category" in columns else []
            (items if item in wanted else others).setdefault(item, Item(title, words, image, categories))
            renamed |= {item} - {written}
    if not floats:
        items = {item: row for item, row in items.items() if item not in renamed}
        others = {item: row for item, row in others.items() if item not in renamed}
    if wanted and not items:
        theirs = ", ".join(sorted(wanted)[:N_EXAMPLES])
        raise DataError(
            f"{path}: describes none of the items that were interacted with. Its ids (column {columns['id']}) are such "
            f"as {', '.join(ids) or 'empty'}; theirs are such as {theirs}. Name the right columns with --id COLUMN (of "
            "the items) and --item COLUMN (of the interactions)."
        )
    return items, others, {**columns, "text": fields}
