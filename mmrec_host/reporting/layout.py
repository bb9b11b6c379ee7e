"""Fitting a table into a width: texts wrap, and columns that do not fit side by side go on in a further block."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

GAP = 2  # between columns
INDENT = 2  # of the further lines of a text, so that the first line of the next row is seen
WORD = 24  # a longer word may be broken even where blocks could be made narrower instead


@dataclass(frozen=True)
class Strip:
    """A column as it is printed.

    Attributes:
        flows: its texts may take several lines.
        room: places that marks take at the end of each text.
    """

    title: str
    texts: Sequence[str]
    flows: bool = False
    room: int = 0

    @property
    def most(self) -> int:
        """The width at which nothing wraps."""
        return _widest([self.title + " " * self.room, *self.texts])

    @property
    def least(self) -> int:
        """The width below which words break, or long words break into more than they must."""
        head = min(_widest(self.title.split()), WORD) + self.room
        if not self.flows:
            return max(head, _widest(self.texts))
        words = _widest(word for text in self.texts for word in text.split())
        return max(head, min(words + INDENT, WORD, _widest(self.texts)))

    def used(self, width: int) -> int:
        """What title and texts take of a width when they wrap in it."""
        heads = [line + " " * self.room for line in wrap(self.title, width - self.room)]
        return _widest([*heads, *(line for text in self.texts for line in wrap(text, width, INDENT))])


def side_by_side(strips: Sequence[Strip], width: int) -> list[dict[int, int]]:
    """Blocks of columns that fit side by side, each begun by the first column: number of the column -> its width."""
    least = [min(strip.least, (width - GAP) // 2) for strip in strips]
    groups: list[list[int]] = [[0]]
    for number in range(1, len(strips)):
        if len(groups[-1]) > 1 and _total(least[n] for n in [*groups[-1], number]) > width:
            groups.append([0])
        groups[-1].append(number)
    return [_widened({n: least[n] for n in group}, strips, width) for group in groups]


def _total(widths: Iterable[int]) -> int:
    each = list(widths)
    return sum(each) + GAP * (len(each) - 1)


def _widened(widths: dict[int, int], strips: Sequence[Strip], width: int) -> dict[int, int]:
    """What is left of the width goes to the columns that wrap, the first ones first."""
    for number in widths:
        left = width - _total(widths.values())
        widths[number] = strips[number].used(widths[number] + left)
    return widths


def wrap(text: str, width: int, indent: int = 0) -> list[str]:
    """Lines of at most `width`, the further ones indented; a word that is longer breaks behind `=`, or anywhere."""
    if columns(text) <= width:
        return [text]
    lines = [""]
    for word in text.split():
        whole = lines == [""] and columns(word) <= width
        for number, piece in enumerate([word] if whole else pieces(word, width - indent)):
            longer = lines[-1] + (" " if lines[-1] and number == 0 else "") + piece
            if columns(longer) <= width:
                lines[-1] = longer
            else:
                lines.append(" " * indent + piece)
    return lines


def pieces(word: str, width: int) -> list[str]:
    """The word, or what it breaks into to fit the width."""
    if columns(word) <= width:
        return [word]
    parts = [""]
    for character in word:
        if parts[-1].endswith("=") or columns(parts[-1] + character) > width:
            parts.append("")
        parts[-1] += character
    return parts


def columns(text: str) -> int:
    """How many columns of a terminal the text takes: Chinese characters take two, combining accents none."""
    if text.isascii():
        return len(text)
    return sum(0 if unicodedata.combining(c) else 2 if unicodedata.east_asian_width(c) in "WF" else 1 for c in text)


def _widest(texts: Iterable[str]) -> int:
    return max(map(columns, texts), default=0)
