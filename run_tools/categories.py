"""The categories of items, from their lines of items.jsonl."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from mmrec_host.errors import ConfigError

CATEGORY_FIELDS = ("category", "categories", "genres", "genre")  # of several, the first that an item has


def read_categories(
    lines: Sequence[Mapping[str, Any]], file: Path, asked: str | None
) -> tuple[str | None, dict[int, list[str]]]:
    """The key that holds categories, and item -> its categories; None and nothing where no line has such a key.

    Args:
        lines: of `file`.
        asked: the key, None for the first one in CATEGORY_FIELDS that there is.

    Raises:
        ConfigError: no line has the key that is asked for.
    """
    fields = dict.fromkeys(key for line in lines for key in line)
    field = asked or next((each for each in CATEGORY_FIELDS if each in fields), None)
    if field is None:
        return None, {}
    if field not in fields:
        raise ConfigError(
            f"--category-field {field}: no line of {file} has it. They have: {', '.join(fields) or 'none'}."
        )
    found = {line["itemID"]: list(dict.fromkeys(_names(line.get(field)))) for line in lines}
    return field, {item: names for item, names in found.items() if names}


def _names(value: Any) -> Iterator[str]:
    """Category names in a text, number, list, or list of lists (as Amazon's paths are)."""
    if isinstance(value, list):
        for each in value:
            yield from _names(each)
    elif value is not None and str(value).strip():
        yield str(value).strip()
