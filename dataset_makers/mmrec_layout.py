"""The files of a dataset folder as bytes: MMRec's `.inter`, and `items.jsonl`, which `feature_cache` reads."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any

ITEMS = "items.jsonl"
NEW_ITEMS = "new_items.jsonl"  # described like the others, and in no interaction that was kept
COLUMNS = ("userID", "itemID", "rating", "timestamp", "x_label")


def inter_file(rows: Iterable[tuple[int, int, float, int, int]]) -> bytes:
    """The `.inter` file of rows (user, item, rating, timestamp, label), in their order.

    Users and items are numbered from 0; labels are 0 train, 1 valid, 2 test; a timestamp is in seconds since 1970.
    """
    return "".join("\t".join(map(str, row)) + "\n" for row in (COLUMNS, *rows)).encode()


def items_jsonl(items: Iterable[Mapping[str, Any]]) -> bytes:
    """The file `items.jsonl`: an object a line, numbered from 0 as `itemID`; half of a surrogate pair becomes `?`."""
    lines = (json.dumps({"itemID": number, **item}, ensure_ascii=False) + "\n" for number, item in enumerate(items))
    return "".join(lines).encode(errors="replace")
