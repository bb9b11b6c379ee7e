"""The user's own tables and images as the source of a dataset."""

from __future__ import annotations

import argparse
import hashlib
from collections.abc import Collection
from pathlib import Path
from typing import Any

from mmrec_host.errors import ConfigError

from .download import stamped
from .faults import Faults
from .images.files import names_by_id
from .interaction_log import InteractionLog
from .items import Item
from .own_tables import read_interactions, read_items


class OwnSource:
    """Tables of interactions and items, and a folder of images; each may be absent.

    Args:
        args: the command's arguments.
    """

    raw_names = ("user_id", "item_id")
    expected: list[int] = []  # nobody published counts

    def __init__(self, args: argparse.Namespace) -> None:
        self._args = args
        self.images: Path | None = args.images or (args.items and args.items.parent)
        self.columns: dict[str, Any] = {}  # what was read, for the report

    def described(self) -> dict[str, Any]:
        """What the prepared data depend on."""
        args = self._args
        files = {"interactions": args.interactions, "items": args.items}
        named = ("user", "item", "rating", "time", "items_id", "title", "image", "category", "text", "min_rating")
        return {
            **{key: path and stamped(str(path)) for key, path in files.items()},
            "images": args.images and str(args.images.resolve()),
            **{key: getattr(args, key) for key in named},
        }

    def listing(self) -> str:
        """A digest of the names of the image files, by which items find theirs."""
        names = names_by_id(self._args.images).values() if self._args.images else ()
        return hashlib.sha256("\n".join(names).encode(errors="surrogateescape")).hexdigest()[:12]

    def interactions(self, faults: Faults) -> InteractionLog:
        """The rows of the table of interactions, without those that are rated too low."""
        if self._args.interactions is None:
            raise ConfigError("own data need --interactions FILE, or a finished split with --split FILE.")
        named = {key: getattr(self._args, key) for key in ("user", "item", "rating", "time")}
        log, self.columns["interactions"] = read_interactions(
            self._args.interactions, named, self._args.min_rating, faults
        )
        return log

    def items(self, wanted: Collection[str], faults: Faults) -> dict[str, Item]:
        """The wanted items by raw id; where the table names no image, the file that is called like the item."""
        items: dict[str, Item] = {}
        if self._args.items is not None:
            flags = {"id": "items_id", "title": "title", "image": "image", "category": "category"}
            named = {meaning: getattr(self._args, name) for meaning, name in flags.items()}
            items, self.columns["items"] = read_items(self._args.items, wanted, named, self._args.text, faults)
        if self._args.images is not None:
            names = names_by_id(self._args.images)
            for item in wanted:
                row = items.get(item, Item())
                if not row.image and item in names:
                    items[item] = row._replace(image=names[item])
        return items
