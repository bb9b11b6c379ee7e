"""What is known of an item beside who took it."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import NamedTuple


class Item(NamedTuple):
    """Title, text, the source of the image (an address or a file name) and categories; empty where there is none."""

    title: str = ""
    text: str = ""
    image: str = ""
    categories: Sequence[str] = ()


def items_jsonl(item_ids: Sequence[str], items: Mapping[str, Item]) -> bytes:
    """`items.jsonl`: an object a line, in the order of the ids, which are numbered from 0."""
    lines = []
    for number, source_id in enumerate(item_ids):
        item = items.get(source_id, Item())
        row = {"itemID": number, "title": item.title, "text": item.text, "source_id": source_id, "image": item.image}
        row["categories"] = list(item.categories)
        lines.append(json.dumps(row, ensure_ascii=False) + "\n")
    return "".join(lines).encode(errors="replace")
