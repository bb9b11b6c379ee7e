"""The user's own tables and images as the source of a dataset."""

from __future__ import annotations

import hashlib
from collections.abc import Collection
from pathlib import Path
from typing import Any

from .faults import Faults
from .images.files import names_by_id
from .interaction_log import InteractionLog
from .items import Item
from .options import OwnTables
from .own_tables import read_interactions, read_items


class OwnSource:
    """The rows and items of the user's tables, and the image files that are called like items."""

    raw_names = ("user_id", "item_id")
    expected: list[int] = []  # nobody published counts

    def __init__(self, tables: OwnTables) -> None:
        self._tables = tables
        self.images: Path | None = tables.images or (tables.items and tables.items.parent)
        self.columns: dict[str, Any] = {}
        self.others: dict[str, Item] = {}

    def listing(self) -> str:
        """A digest of the names of the image files, by which items find theirs."""
        names = names_by_id(self._tables.images).values() if self._tables.images else ()
        return hashlib.sha256("\n".join(names).encode(errors="surrogateescape")).hexdigest()[:12]

    def interactions(self, faults: Faults) -> InteractionLog:
        """The rows of the table of interactions, without those that are rated too low."""
        tables = self._tables
        assert tables.interactions is not None  # `read_options` refuses it where they are needed
        log, self.columns["interactions"] = read_interactions(
            tables.interactions, tables.of_interactions, tables.min_rating, faults
        )
        return log

    def items(self, wanted: Collection[str], faults: Faults) -> dict[str, Item]:
        """The wanted items by raw id; where the table names no image, the file that is called like the item."""
        tables = self._tables
        items: dict[str, Item] = {}
        if tables.items is not None:
            items, self.others, self.columns["items"] = read_items(
                tables.items, wanted, tables.of_items, tables.text, faults
            )
        if tables.images is not None:
            names = names_by_id(tables.images)
            for item in wanted:
                row = items.get(item, Item())
                if not row.image and item in names:
                    items[item] = row._replace(image=names[item])
        return items

    def new_items(self) -> dict[str, Item]:
        """The described items that are none of the wanted ones, with the image files that are called like them."""
        names = names_by_id(self._tables.images) if self._tables.images else {}
        found = {}
        for item, row in self.others.items():
            found[item] = row._replace(image=row.image or names.get(item, ""))
        return found
