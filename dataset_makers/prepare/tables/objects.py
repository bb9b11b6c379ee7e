"""Rows of JSON and of Python literals: an object a line, a list of objects, or objects and lists by id."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from mmrec_host.errors import DataError

from ..faults import Faults
from .columns import is_known
from .containers import UNREADABLE, opened
from .literals import NoLiteral, parse
from .text_lines import read_lines, unreadable

BROKEN = "broken row (skipped)"
LARGEST_WHOLE = 2 << 30  # bytes of a file that is one value, and is read as a whole
Row = dict[str, Any]


def read_objects(path: Path, faults: Faults) -> Iterator[tuple[str, Row]]:
    """Place and values by name of each object of a file that begins with a bracket.

    Of one object for the whole file, as splits of users are published ({"user": [items]}), a row is made of each of its
    members: `user` and the list `item` of lists, `user`, `item` and `rating` of objects of numbers, `id` beside the
    member's own names of other objects, `id` and `text` of texts.

    Raises:
        DataError: the file cannot be read.
    """
    lines = ((number, line) for number, line in read_lines(path, Faults()) if line.strip())
    first = list(itertools.islice(lines, 2))
    lines.close()
    if len(first) == 2 and isinstance(_value(first[0][1]), dict):
        yield from _lines(path, faults)
        return
    whole = _whole(path)
    if whole is None:
        yield from _lines(path, faults)
    else:
        yield from _members(path, whole, faults)


def _value(text: str) -> Any:
    try:
        return parse(text)
    except NoLiteral:
        return None


def _lines(path: Path, faults: Faults) -> Iterator[tuple[str, Row]]:
    for number, line in read_lines(path, faults):
        if not line.strip():
            continue
        row = _value(line)
        if isinstance(row, dict):
            yield f"{path.name}, line {number}", row
        else:
            faults.add(BROKEN, f"{path.name}, line {number}: {line}")


def _whole(path: Path) -> list[Any] | dict[str, Any] | None:
    """The one value that the file is; None if it is none."""
    try:
        with opened(path) as file:
            data = file.read(LARGEST_WHOLE + 1)
    except UNREADABLE as error:
        raise unreadable(path, "", error) from error
    if len(data) > LARGEST_WHOLE:
        raise DataError(
            f"{path}: is one value of more than {LARGEST_WHOLE >> 30} GiB. Give it as JSON lines, an object a line."
        )
    value = _value(data.decode("utf-8-sig", errors="replace"))
    return value if isinstance(value, (list, dict)) else None


def _members(path: Path, whole: list[Any] | dict[str, Any], faults: Faults) -> Iterator[tuple[str, Row]]:
    """Rows of a list of objects, or of an object of members; a lone list of objects within an object is the list."""
    if isinstance(whole, dict):
        lists = [value for value in whole.values() if isinstance(value, list) and value and isinstance(value[0], dict)]
        if len(lists) == 1:
            whole = lists[0]
    if isinstance(whole, list):
        for number, row in enumerate(whole, start=1):
            if isinstance(row, dict):
                yield f"{path.name}, object {number}", row
            else:
                faults.add(BROKEN, f"{path.name}, object {number}: {row}")
        return
    yield from _by_key(path, whole)


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def _by_key(path: Path, whole: dict[str, Any]) -> Iterator[tuple[str, Row]]:
    values: Iterable[Any] = whole.values()
    if any(map(is_known, whole)):  # the names of a row's own values
        rows = iter([whole])
    elif all(isinstance(value, list) for value in values):
        rows = ({"user": key, "item": value} for key, value in whole.items())
    elif all(isinstance(value, dict) and all(map(_is_number, value.values())) for value in values):
        members = ((key, item, rating) for key, value in whole.items() for item, rating in value.items())
        rows = ({"user": key, "item": item, "rating": rating} for key, item, rating in members)
    elif all(isinstance(value, dict) for value in values):
        rows = ({"id": key, **value} for key, value in whole.items())
    elif all(isinstance(value, str) for value in values) and len(whole) > 1:
        rows = ({"id": key, "text": value} for key, value in whole.items())
    else:
        rows = iter([whole])
    for number, row in enumerate(rows, start=1):
        yield f"{path.name}, member {number}", row
