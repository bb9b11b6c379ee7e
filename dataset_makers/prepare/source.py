"""What a preparation asks of the place where its data come from."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path
from typing import Any, Protocol

from .faults import Faults
from .interaction_log import InteractionLog
from .items import Item


class Source(Protocol):
    """Where interactions and items come from.

    Attributes:
        raw_names: what the id maps call a user's and an item's raw id.
        expected: users, items and interactions that there must be, or nothing.
        images: the folder of image files that items name, or None.
        describes: there is something that describes items.
        notes: what is worth a word in the report; filled by reading.
        columns: table -> meaning -> column or columns that were read, for the report; filled by reading.
    """

    raw_names: tuple[str, str]
    expected: list[int]
    images: Path | None
    columns: dict[str, Any]
    describes: bool
    notes: list[str]

    def listing(self) -> str:
        """A digest of what else the items depend on and may change: with another one they are written anew."""

    def interactions(self, faults: Faults) -> InteractionLog:
        """All rows, by raw ids."""

    def new_items(self) -> dict[str, Item]:
        """After `items`: those that are described and not among the wanted ones, as far as they are told apart."""

    def items(self, wanted: Collection[str], faults: Faults) -> dict[str, Item]:
        """The wanted items by raw id."""
