"""How a text of cells is written: what divides them, and whether its first line names the columns."""

from __future__ import annotations

import csv
import re
from collections.abc import Sequence
from dataclasses import dataclass

SIGNS = ("::", "\t", ",", ";", "|")
LONG = 4  # characters of a cell that no name of a column is spelt like by chance
MOST_COLUMNS_OF_BLANKS = 4  # columns of a file divided by blanks; in one with more a line is a user and items
NUMBER = re.compile(r"\s*[-+]?(\d+\.?\d*|\.\d+)([eE][-+]?\d+)?\s*")


@dataclass(frozen=True)
class Dialect:
    """What divides cells.

    Attributes:
        sign: between cells; a blank stands for any white space.
        listed: each line is a user and their items, divided by blanks.
    """

    sign: str
    listed: bool = False

    def cells(self, line: str) -> list[str] | None:
        """The cells of a line in which no quotes are meant; None where `csv` must read it, over several lines even."""
        if self.listed:
            user, *items = line.split()
            return [user, " ".join(items)]
        if self.sign in (" ", "::"):
            return line.split() if self.sign == " " else line.rstrip("\r\n").split(self.sign)
        return None

    def as_csv(self, line: str) -> str:
        """The line with quotes behind backslashes doubled, as `csv` has them, where a quote begins a cell."""
        if '\\"' not in line or not (line.startswith('"') or f'{self.sign}"' in line):
            return line
        return re.sub(rf'\\"(?!{re.escape(self.sign)}|\s*$)', '""', line)


def dialect_of(lines: Sequence[str]) -> Dialect:
    """That of a file's first lines: the sign that the first has most of, `::` before others, blanks after all."""
    first = lines[0]
    if "::" in first and all("::" in line for line in lines):
        return Dialect("::")
    counts = {sign: first.count(sign) for sign in SIGNS[1:]}
    sign = max(counts, key=lambda sign: counts[sign])
    if counts[sign] or len(first.split()) < 2:
        return Dialect(sign)
    widths = {len(line.split()) for line in lines if line.strip()}
    numbers = all(map(NUMBER.fullmatch, first.split()))
    return Dialect(" ", listed=numbers and (len(widths) > 1 or max(widths) > MOST_COLUMNS_OF_BLANKS))


def names_columns(first: Sequence[str], below: Sequence[Sequence[str]]) -> bool:
    """Whether a first line names the columns rather than being data.

    It is data where it has a number above numbers, or something that stands below it in the same column, or where a
    cell with digits is spelt like all those below (`A012XQ7` like `A345ZB1`): a long one, or all cells of the line.
    """
    rows = [row for row in below if len(row) == len(first)]
    columns = [[row[n] for row in rows] for n in range(len(first))]
    for cell, column in zip(first, columns):
        if NUMBER.fullmatch(cell) and (not column or any(map(NUMBER.fullmatch, column))):
            return False
    if list(first) in rows:  # files that were put together, each with its header
        return True
    if any(cell.strip() and cell in column for cell, column in zip(first, columns)):
        return False
    alike = [all(_spelling(other) == _spelling(cell) for other in column) for cell, column in zip(first, columns)]
    coded = [same and any(map(str.isdigit, cell)) for same, cell in zip(alike, first)]
    long = any(code and len(cell) >= LONG for code, cell in zip(coded, first))
    return not (len(rows) > 1 and long or rows and all(alike) and any(coded))


def _spelling(cell: str) -> str:
    return re.sub(r"[^\W\d_]", "a", re.sub(r"\d", "0", cell))


def split_line(line: str, dialect: Dialect) -> list[str]:
    """The cells of one line."""
    cells = dialect.cells(line)
    if cells is None:
        try:
            return next(csv.reader([dialect.as_csv(line)], delimiter=dialect.sign), [])
        except csv.Error:  # counted when the rows are read
            return line.split(dialect.sign)
    return cells
