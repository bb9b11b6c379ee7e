"""What is known of the items beside their interactions: title, picture, categories."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from feature_cache import Content, Store, import_content, read_lines
from mmrec_host.config import Config
from mmrec_host.runs.finished_run import FinishedRun

from ..categories import CATEGORY_FIELDS, read_categories
from .markup import shorten

TITLE_LENGTH = 90  # characters
MOST_VALUES = 20  # of an attribute
NO_ATTRIBUTES = ("itemID", "title", "text")


@dataclass(frozen=True)
class ItemContent:
    """The items of one dataset.

    Attributes:
        raw: their pictures and texts; None for a dataset without any.
        category_field: the key of items.jsonl that holds the categories; None if there is none.
        categories: item -> its categories, possibly several.
        attributes: other keys of items.jsonl with few different values (2 to 20), each item -> its value.
    """

    raw: Content | None
    category_field: str | None
    categories: dict[int, list[str]]
    attributes: dict[str, dict[int, str]] = field(default_factory=dict)

    def title(self, item: int) -> str:
        """The item's title, shortened; its number where it has none."""
        return shorten(self.raw.title(item) if self.raw is not None else "", TITLE_LENGTH) or f"Item {item}"

    def without_picture(self) -> set[int] | None:
        """The items whose picture is missing or broken; None if no item has one."""
        if self.raw is None:
            return None
        missing = self.raw.report.without_image
        return None if len(missing) == self.raw.n_items else missing


def read_item_content(run: FinishedRun, category_field: str | None = None) -> ItemContent:
    """The items of the run's dataset, their content from the cache (imported first, if it is not there).

    Raises:
        ConfigError: no item has the category field that is asked for.
        CacheError: the raw content cannot be read.
    """
    folder = run.dataset.folder
    items_file = folder / "items.jsonl"
    content = raw_content(run.config, folder, run.dataset.interactions.n_items)
    lines = [line for _, line in read_lines(items_file, run.dataset.interactions.n_items)]
    fields = dict.fromkeys(key for line in lines for key in line)
    attributes = _attributes(lines, [key for key in fields if key not in (*NO_ATTRIBUTES, *CATEGORY_FIELDS)])
    category_field, categories = read_categories(lines, items_file, category_field)
    return ItemContent(content, category_field, categories, attributes)


def raw_content(config: Config, folder: Path, n_items: int) -> Content | None:
    """The raw content in a dataset's folder, from the cache (imported first, if it is not there); None if it has none.

    Raises:
        CacheError: it cannot be read.
    """
    if not (folder / "items.jsonl").is_file() and not (folder / "images").is_dir():
        return None
    store = Store(Path(config["cache_path"]) / config["dataset"])
    return import_content(store, folder, n_items, largest_image=round(1e6 * config["image_megabytes"]))


def _attributes(lines: list[dict[str, Any]], keys: list[str]) -> dict[str, dict[int, str]]:
    found = {}
    for key in keys:
        values = {line["itemID"]: value for line in lines if isinstance(value := line.get(key), str) and value}
        if 2 <= len(set(values.values())) <= MOST_VALUES:
            found[key] = values
    return found
