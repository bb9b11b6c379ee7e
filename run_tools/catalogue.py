"""How users and items are called: index, original id, title."""

from __future__ import annotations

import difflib
import json
import logging
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from feature_cache import ImageStore, read_texts
from mmrec_host.data.id_maps import ITEM_MAP, USER_MAP, read_id_map
from mmrec_host.errors import ConfigError, DataError

log = logging.getLogger(__name__)

NEW_ITEMS = "new_items.jsonl"
BY_INDEX = "index:"
FILES = {"user": USER_MAP, "item": ITEM_MAP}


@dataclass(frozen=True)
class Names:
    """The users or the items of a dataset.

    Attributes:
        kind: user or item.
        count: indices are 0 to count - 1.
        originals: the original id of each index; empty where the dataset has no mapping.
    """

    kind: str
    count: int
    originals: Sequence[str] = ()

    @classmethod
    def read(cls, kind: str, folder: Path, count: int) -> Names:
        """Names with the original ids of MMRec's mapping file (original id, tab, index, after a header), if any.

        Raises:
            DataError: it is not in UTF-8, a line is none, or an index is missing or named twice.
        """
        path = folder / FILES[kind]
        if not path.is_file():
            return cls(kind, count)
        return cls(kind, count, read_id_map(path, count, exact=False))

    def index(self, name: str) -> int:
        """The index that `name` means: an original id, else an index; `index:N` is always an index.

        Raises:
            ConfigError: neither; the message names the range and original ids, nearly spelt so if there are such.
        """
        index = self._places.get(name)
        if index is not None:
            if name.isdecimal() and int(name) < self.count and int(name) != index:
                log.warning(
                    "%s %s: taken as the original id (index %d); say %s%s for the index", self.kind, name, index,
                    BY_INDEX, name,
                )  # fmt: skip
            return index
        digits = name.removeprefix(BY_INDEX)
        if digits.isdecimal() and int(digits) < self.count:
            return int(digits)
        edits = {edit for edit in _one_edit(name, self._letters) if edit in self._places}
        near = difflib.get_close_matches(name, sorted(edits), n=3, cutoff=0.0) or self.originals[:3]
        known = f", or an original id, such as {', '.join(near)}" if near else ""
        raise ConfigError(f"no {self.kind} {name!r}: must be an index from 0 to {self.count - 1}{known}.")

    @cached_property
    def _places(self) -> dict[str, int]:
        return {name: index for index, name in enumerate(self.originals)}

    @cached_property
    def _letters(self) -> set[str]:
        return set().union(*self.originals)

    def called(self, index: int) -> str:
        """The original id, else the index."""
        return self.originals[index] if self.originals else str(index)

    def fields(self, index: int) -> dict[str, int | str]:
        """`{"user": index}`, and `user_id` where original ids are known; of items likewise."""
        original = {f"{self.kind}_id": self.originals[index]} if self.originals else {}
        return {self.kind: index, **original}


def _one_edit(name: str, letters: Iterable[str]) -> Iterator[str]:
    """The names that are one letter less, more or other than `name`, or two swapped.

    They are few, whereas comparing a misspelt name with each of 200,000 takes seconds.
    """
    for place in range(len(name) + 1):
        head, tail = name[:place], name[place:]
        yield head + tail[1:]
        yield head + tail[1:2] + tail[:1] + tail[2:]
        for letter in letters:
            yield head + letter + tail
            yield head + letter + tail[1:]


@dataclass(frozen=True)
class Described:
    """An item that a dataset describes and nobody took; what is not known is empty."""

    text: str
    image: bytes


def new_item(folder: Path, original: str) -> Described | None:
    """Such an item by its original id, as `ptmrec prepare` has written it down; None if there is no such one."""
    file = folder / NEW_ITEMS
    if not file.is_file():
        return None
    for number, line in enumerate(file.read_text(encoding="utf-8", errors="replace").splitlines(), start=1):
        try:
            row = json.loads(line)
        except (ValueError, RecursionError) as error:
            raise DataError(
                f"{file}, line {number}: is no JSON ({error}). Make the file anew, or remove it."
            ) from error
        if not isinstance(row, dict):
            continue
        if row.get("source_id") == original:
            image = ImageStore(folder).image(row["image"]) if row.get("image") else None
            return Described(row.get("text") or row.get("title") or "", image or b"")
    return None


@dataclass(frozen=True)
class Catalogue:
    """Users, items, and the items' titles (empty where there is none)."""

    users: Names
    items: Names
    titles: Sequence[str]

    @classmethod
    def read(cls, folder: Path, n_users: int, n_items: int) -> Catalogue:
        """Read the mapping files and `items.jsonl` in a dataset's folder, as far as they are there."""
        texts = read_texts(folder / "items.jsonl", n_items)
        titles = [texts.get(item, ("", ""))[0] for item in range(n_items)]
        return cls(Names.read("user", folder, n_users), Names.read("item", folder, n_items), titles)

    def item(self, index: int) -> dict[str, int | str]:
        """What names an item: `item`, `item_id`, `title`; the latter two where they are known."""
        title = {"title": self.titles[index]} if self.titles[index] else {}
        return {**self.items.fields(index), **title}
