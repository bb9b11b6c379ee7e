"""What is known of an item beside who took it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple


class Item(NamedTuple):
    """Title, text, the source of the image (an address or a file name) and categories; empty where there is none."""

    title: str = ""
    text: str = ""
    image: str = ""
    categories: Sequence[str] = ()


def item_rows(item_ids: Sequence[str], items: Mapping[str, Item]) -> Iterator[dict[str, Any]]:
    """What `items.jsonl` says of each item, in the order of the ids; empty for those that `items` lacks."""
    for source_id in item_ids:
        item = items.get(source_id, Item())
        row = {"title": item.title, "text": item.text, "source_id": source_id, "image": item.image}
        yield {**row, "categories": list(item.categories)}
