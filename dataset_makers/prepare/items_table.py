"""Items from the user's own table."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from mmrec_host.errors import DataError

from .faults import N_EXAMPLES, Faults
from .images.sources import image_source
from .interactions_table import Columns
from .items import Item
from .leading_zeros import without_zeros
from .tables.columns import choose, holds_list, require, text_columns, value_of
from .tables.markup import without_markup
from .tables.positions import item_columns
from .tables.rows import Row, Table, open_table
from .tables.values import as_id, as_names, as_text, dividing_sign, is_whole_float, whole_ids

MOST_OTHERS = 20_000  # described items that nobody took; a shop's catalogue may have millions
MARKUP = "text with HTML (tags left out, entities as signs)"


@dataclass(frozen=True)
class AskedItems:
    """How items are read.

    Attributes:
        named: "id", "title", "image" and "category" -> the user's column name, or None to guess it.
        names: of the columns of a file without a header, in their order, or None to tell them by place and values.
        text: the columns that make the text, or None to guess.
        sign: what divides categories, or None to tell.
        markup: HTML in texts stays.
        published: the columns are those of a published file, some of which may be absent from its first rows.
    """

    named: Mapping[str, str | None]
    names: Sequence[str] | None = None
    text: Sequence[str] | None = None
    sign: str | None = None
    markup: bool = False
    published: bool = False


def read_items(
    path: Path, wanted: Collection[str], asked: AskedItems, faults: Faults
) -> tuple[dict[str, Item], dict[str, Item], Columns]:
    """The wanted items of a table by raw id, the others likewise (none of a catalogue that is far larger), and columns.

    Raises:
        ConfigError: a column is not there.
        DataError: the file cannot be read, there is nothing in it, or it describes no wanted item.
    """
    table = open_table(path, faults, asked.names)
    reader = _Reader(table, asked, faults)
    items: dict[str, Item] = {}
    others: dict[str, Item] = {}
    renamed: set[str] = set()
    ids: list[str] = []  # the first ones, as examples
    floats, far_more = True, False  # a catalogue that has far more items than are wanted
    for where, row in table.rows:
        written = as_id(value_of(row, reader.columns["id"]))
        floats = floats and (not written or is_whole_float(written))
        ids += [written] if written and len(ids) < N_EXAMPLES else []
        item = written if written in wanted else whole_ids([written])[0]
        if not item:
            faults.add("item without an id (skipped)", f"{where}: {row}")
        elif item in items:
            faults.add("item described twice (first kept)", f"{where}: {item}")
        elif item in wanted:
            items[item] = reader.item(row, where)
        elif item not in others and not far_more:
            others[item] = reader.item(row, where)
            far_more = bool(items) and len(others) > max(MOST_OTHERS, 10 * len(wanted))
        renamed |= {item} - {written}
    if not floats:
        items = {item: row for item, row in items.items() if item not in renamed}
        others = {item: row for item, row in others.items() if item not in renamed}
    if far_more:
        others = {}
    if wanted and not items:
        items, others = without_zeros(wanted, others, faults)
    if wanted and not items:
        theirs = ", ".join(sorted(wanted)[:N_EXAMPLES])
        raise DataError(
            f"{path}: describes none of the items that were interacted with. Its ids (column {reader.columns['id']}) "
            f"are such as {', '.join(ids) or 'empty'}; theirs are such as {theirs}. Name the right columns with --id "
            "COLUMN (of the items) and --item COLUMN (of the interactions)."
        )
    names = {name for row in items.values() for name in row.categories}
    if reader.columns.get("category"):
        reader.shown["categories"] = f"{len(names):,} names"
    return items, others, reader.shown


class _Reader:
    """Makes items of rows, by the columns of a table."""

    def __init__(self, table: Table, asked: AskedItems, faults: Faults) -> None:
        named = dict(asked.named)
        if table.headless and named.get("id") in (None, table.columns[0]):
            named |= {meaning: named.get(meaning) or name for meaning, name in item_columns(table).items()}
        given = [name for name in (*named.values(), *(asked.text or ())) if name] if asked.published else []
        there = [*dict.fromkeys([*table.columns, *given])]
        self.columns = choose(table.path, there, named, ("id",))
        self.fields = text_columns(table.path, there, asked.text)
        if not self.fields and asked.text is None and "title" in self.columns:
            self.fields = [self.columns["title"]]
        self.markup, self.faults = asked.markup, faults
        category = self.columns.get("category", "")
        shown = [value_of(row, category) for row in table.first] if category else []
        self.sign = asked.sign or (" " if holds_list(category) else dividing_sign(shown))
        self.shown: Columns = {**self.columns, "text": self.fields}

    def item(self, row: Row, where: str) -> Item:
        title = self._plain(as_text(value_of(row, self.columns["title"])), where) if "title" in self.columns else ""
        image = image_source(value_of(row, self.columns["image"])) if "image" in self.columns else ""
        names = as_names(value_of(row, self.columns["category"]), self.sign) if "category" in self.columns else []
        names = [self._plain(name, where) for name in names]
        texts = (self._plain(as_text(value_of(row, name)), where) for name in self.fields)
        return Item(title, " ".join(filter(None, texts)), image, names)

    def _plain(self, text: str, where: str) -> str:
        if self.markup:
            return text
        plain = without_markup(text)
        if plain != text:
            self.faults.add(MARKUP, f"{where}: {text}")
        return plain


def id_sets(path: Path, columns: Collection[str], names: Sequence[str] | None) -> dict[str, set[str]]:
    """Column -> the ids in it, of a whole table."""
    table = open_table(path, Faults(), names)
    found: dict[str, set[str]] = {require(path, table.columns, name, "--id"): set() for name in columns}
    for _, row in table.rows:
        for name, ids in found.items():
            ids.add(as_id(value_of(row, name)))
    return {name: set(whole_ids(sorted(ids - {""}))) for name, ids in found.items()}
