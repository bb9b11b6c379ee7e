"""Rows of CSV and its relatives, with a header or without one."""

from __future__ import annotations

import csv
import itertools
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from mmrec_host.errors import ConfigError, DataError

from ..faults import Faults
from .columns import holds_text
from .dialect import Dialect, dialect_of, names_columns, split_line
from .text_lines import read_lines

BROKEN = "broken row (skipped)"
N_LOOKED_AT = 50  # lines that tell how the file is written
SEPARATOR_LINE = re.compile(r'"?sep=.?"?\s*')  # what a spreadsheet puts before a header
Row = dict[str, Any]


def read_delimited(path: Path, faults: Faults, names: Sequence[str] | None) -> Iterator[tuple[str, Row]]:
    """Place and cells by column of each row; without a header, columns are called `1`, `2`, ….

    Cells beyond the last column are its own where it holds texts, whose commas nobody quoted, and counted.

    Args:
        names: of the columns of a file without a header, or None to look.

    Raises:
        ConfigError: `names` are not as many as the columns.
        DataError: the first line does not name at least two columns, each once.
    """
    lines = ((number, line.replace("\0", "")) for number, line in read_lines(path, faults))
    lines = ((n, line) for n, line in lines if n > 1 or not SEPARATOR_LINE.fullmatch(line))
    first = list(itertools.islice(lines, N_LOOKED_AT))
    shown = [line for _, line in first if line.strip()]
    if not shown:
        raise DataError(f"{path}: is empty. The first line must name at least two columns, or be a row of values.")
    dialect = dialect_of(shown)
    header = [name.strip() for name in split_line(shown[0], dialect)]
    below = [split_line(line, dialect) for line in shown[1:]]
    headless = names is not None or dialect.listed or not names_columns(header, below)
    if headless:
        header = _positions(path, [split_line(shown[0], dialect), *below], names)
    elif len(header) < 2 or len(set(header)) < len(header):
        raise DataError(
            f"{path}: the first line must name at least two columns, each once, divided by tabs, commas, semicolons, "
            f"bars, blanks or ::; it is {shown[0][:200]!r}."
        )
    rows: Iterator[tuple[int, str]] = itertools.chain(first, lines)
    if not headless:
        rows = itertools.dropwhile(lambda numbered: not numbered[1].strip(), rows)
        next(rows)
    text_last = holds_text(header[-1]) or (headless and names is None and len(header) == 2)
    for where, cells, n_lines in _cells(path, rows, dialect, faults):
        if len(cells) > len(header) and text_last:
            faults.add(f"row with more cells than columns (the rest joined to {header[-1]!r})", f"{where}: {cells}")
            cells = [*cells[: len(header) - 1], dialect.sign.join(cells[len(header) - 1 :])]
        if len(cells) == len(header):
            yield where, dict(zip(header, cells))
        elif any(cell.strip() for cell in cells):
            hint = " (are cells with such a sign in quotes?)" if len(cells) > len(header) else ""
            faults.add(BROKEN, f"{where}: {len(cells)} instead of {len(header)} cells{hint}: {cells}", n_lines)


def _positions(path: Path, rows: Sequence[Sequence[str]], names: Sequence[str] | None) -> list[str]:
    """Names of the columns of a file without a header; texts with bare commas make some rows longer than others."""
    widths = [len(row) for row in rows if row]
    if names is None:
        return [str(n + 1) for n in range(_width([row for row in rows if row], min(widths)))]
    if len(names) > max(widths):
        raise ConfigError(f"{path}: {len(names)} columns are named ({', '.join(names)}), and it has {max(widths)}.")
    return [*names, *(str(n + 1) for n in range(len(names), min(widths)))]


def _width(rows: Sequence[Sequence[str]], fewest: int) -> int:
    """Columns of a file without a header; where only later cells begin with blanks, they go on with a text."""
    if any(row[1][:1].isspace() for row in rows if len(row) > 1):
        return fewest
    return next((n for n in range(2, fewest) if all(row[n][:1].isspace() for row in rows)), fewest)


def _cells(
    path: Path, rows: Iterator[tuple[int, str]], dialect: Dialect, faults: Faults
) -> Iterator[tuple[str, list[str], int]]:
    """Place, cells and number of lines of each row."""
    current = 0

    def text() -> Iterator[str]:
        nonlocal current
        for number, line in rows:
            current = number
            yield dialect.as_csv(line)

    if dialect.cells("x") is not None:
        for line in text():
            if line.strip():
                yield f"{path.name}, line {current}", dialect.cells(line) or [], 1
        return
    reader = csv.reader(text(), delimiter=dialect.sign)
    while True:
        before = reader.line_num  # a stray quote may swallow many lines
        try:
            cells = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            faults.add(BROKEN, f"{path.name}, line {current}: {error}", reader.line_num - before)
            continue
        n_lines = reader.line_num - before
        yield f"{path.name}, line {current - n_lines + 1}", cells, n_lines
