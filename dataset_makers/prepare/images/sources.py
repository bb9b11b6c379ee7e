"""Which picture a cell names: one address or file name, of lists and objects the best."""

from __future__ import annotations

import re
from typing import Any
from urllib.parse import unquote, urlsplit

from ..tables.literals import nested
from ..tables.values import as_text

# Of an object that names one picture in several sizes, the first that is there.
BY_SIZE = (
    "hi_res hires original full xlarge large url link src href uri path file filename photo_id medium small thumb "
    "thumbnail"
).split()
SEVERAL = re.compile(r"[|,;\s]+(?=(?:https?:)?//|data:)", re.I)  # before the next address of a cell
FILES = re.compile(r"(.+?\.(?:jpe?g|png|gif|webp|bmp|avif|tiff?))\s*[|;,]\s*\S", re.I)  # the first of several names


def image_source(value: Any) -> str:
    """The address or file name of an item's picture; empty if there is none.

    Of a list the first, or the one that Amazon calls MAIN; of an object the largest size; of a text with several
    addresses the first. `//host/a.jpg` is an https address, and `file:///a.jpg` a path.
    """
    value = nested(value)
    if isinstance(value, (list, tuple)):
        mains = [each for each in value if isinstance(each, dict) and each.get("variant") == "MAIN"]
        return next(filter(None, map(image_source, [*mains, *value])), "")
    if isinstance(value, dict):
        return image_source(_one_of_lists(value)) if _is_of_lists(value) else _largest(value)
    return _plain(as_text(value))


def _largest(value: dict[str, Any]) -> str:
    by_name = {str(name).lower(): inner for name, inner in value.items()}
    return next((found for name in BY_SIZE if (found := image_source(by_name.get(name)))), "")


def _is_of_lists(value: dict[str, Any]) -> bool:
    """Whether an object holds its pictures by columns, as Parquet files do: {"large": [a, b], "variant": [x, y]}."""
    return bool(value) and all(isinstance(inner, (list, tuple)) for inner in value.values())


def _one_of_lists(value: dict[str, Any]) -> list[dict[str, Any]]:
    longest = max(map(len, value.values()))
    return [{name: inner[n] for name, inner in value.items() if n < len(inner)} for n in range(longest)]


def _plain(text: str) -> str:
    if text.startswith("data:"):
        return text.split()[0]
    text = SEVERAL.split(text)[0].rstrip(",;| ")
    several = None if "//" in text else FILES.match(text)
    text = several[1] if several else text
    if text.startswith("//"):
        return f"https:{text}"
    if text.lower().startswith("file:"):
        return unquote(urlsplit(text).path)
    return text
