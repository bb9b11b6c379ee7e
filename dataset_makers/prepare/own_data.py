"""The user's own tables and images as the source of a dataset."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Collection
from pathlib import Path
from typing import Any

from .faults import Faults
from .images.files import PictureFolder
from .images.of_items import is_file_name
from .interaction_log import InteractionLog
from .interactions_table import read_interactions
from .items import Item
from .items_table import read_items
from .joins import joining_columns
from .options import OwnTables


class OwnSource:
    """The rows and items of the user's tables, and the image files that are called like items.

    Args:
        fetch: the local file of a path or an address.
    """

    raw_names = ("user_id", "item_id")
    expected: list[int] = []  # nobody published counts

    def __init__(self, tables: OwnTables, fetch: Callable[[str], Path]) -> None:
        self._tables, self._fetched = tables, fetch
        beside = None if tables.items is None or "://" in tables.items else Path(tables.items).expanduser().parent
        self.images: Path | None = tables.images or beside
        self.columns: dict[str, Any] = {}
        self.describes = bool(tables.items or tables.images)
        self.notes: list[str] = []
        self.others: dict[str, Item] = {}
        self._pictures: PictureFolder | None = None

    def listing(self) -> str:
        """A digest of the names of the image files, by which items find theirs."""
        if self._tables.images is not None:
            self._pictures = PictureFolder(self._tables.images)
        names = self._pictures.names if self._pictures else ()
        return hashlib.sha256("\n".join(names).encode(errors="surrogateescape")).hexdigest()[:12]

    def interactions(self, faults: Faults) -> InteractionLog:
        """The rows of the tables of interactions, without those that are not wanted."""
        files = {self._fetched(name): label for name, label in self._tables.interactions.items()}
        if self._tables.items is not None:
            asked, of_items = self._tables.asked, self._tables.asked_items
            named = asked.named.get("item"), of_items.named.get("id")
            places = next(iter(files)), self._fetched(self._tables.items)
            item, items_id, word = joining_columns(*places, named, (asked.names, of_items.names))
            self._tables = self._tables.with_columns(item, items_id)
            self.notes += [word] if word else []
        log, self.columns["interactions"], notes = read_interactions(files, self._tables.asked, faults)
        self.notes += notes
        return log

    def items(self, wanted: Collection[str], faults: Faults) -> dict[str, Item]:
        """The wanted items by raw id; where the table names no image, the file that is called like the item."""
        items: dict[str, Item] = {}
        if self._tables.items is not None:
            path = self._fetched(self._tables.items)
            items, self.others, self.columns["items"] = read_items(path, wanted, self._tables.asked_items, faults)
        items = {item: self._with_picture(item, row) for item, row in items.items()}
        for item in wanted:
            if item not in items and (row := self._with_picture(item, Item())).image:
                items[item] = row
        return items

    def new_items(self) -> dict[str, Item]:
        """The described items that are none of the wanted ones, with the image files that are called like them."""
        return {item: self._with_picture(item, row) for item, row in self.others.items()}

    def _with_picture(self, item: str, row: Item) -> Item:
        if self._pictures is None:
            return row
        if row.image and is_file_name(row.image):
            return row._replace(image=self._pictures.named(row.image))
        return row if row.image else row._replace(image=self._pictures.of_item(item))
