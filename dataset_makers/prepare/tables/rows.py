"""Rows of tables in files of any kind: the content tells which, whatever the file is called."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mmrec_host.errors import ConfigError, DataError

from ..faults import Faults
from .containers import UNREADABLE, opened, parts
from .delimited import read_delimited
from .objects import read_objects
from .text_lines import unreadable

N_FIRST = 1000  # rows that tell the columns; not every object of JSON lines has every key
LOOKED_AT = 4096  # bytes that tell what a file is
PARQUET = b"PAR1"
CONTROL = re.compile(rb"[\x01-\x08\x0e-\x1f]")  # no text has many of these; an export may have stray zeros
Row = dict[str, Any]


@dataclass
class Table:
    """A table's rows, read as they are asked for.

    Attributes:
        columns: the names that the first rows have.
        first: these rows.
        rows: place ("FILE, line 7") and values by column of each row, the first ones too; to be gone through once.
    """

    path: Path
    columns: list[str]
    first: list[Row]
    rows: Iterator[tuple[str, Row]]

    @property
    def headless(self) -> bool:
        """Whether nothing names the columns, so that they are called by their positions."""
        return bool(self.columns) and self.columns[0] == "1"


def open_table(path: Path, faults: Faults, names: Sequence[str] | None = None) -> Table:
    """The table in a file, or in all files of a folder.

    Args:
        names: of the columns, where the file does not name them.

    Raises:
        ConfigError: Parquet's package is missing, or `names` do not fit.
        DataError: it cannot be read, or there is no row in it.
    """
    rows = read_rows(path, faults, names)
    first = list(itertools.islice(rows, N_FIRST))
    if not first:
        raise DataError(f"{path}: holds no readable rows{faults.listed()}.")
    columns = list(dict.fromkeys(name for _, row in first for name in row))
    return Table(path, columns, [row for _, row in first], itertools.chain(first, rows))


def read_rows(path: Path, faults: Faults, names: Sequence[str] | None = None) -> Iterator[tuple[str, Row]]:
    """Place and values by column of each row; broken rows are counted and skipped.

    Raises:
        As `open_table`.
    """
    for file in parts(path):
        yield from _rows_of(file, faults, names)


def _rows_of(file: Path, faults: Faults, names: Sequence[str] | None) -> Iterator[tuple[str, Row]]:
    start = _start(file)
    if start.startswith(PARQUET) or file.suffix.lower() in (".parquet", ".pq"):
        return _parquet(file)
    if start.lstrip(b"\xef\xbb\xbf \t\r\n").startswith((b"{", b"[")):
        return read_objects(file, faults)
    if len(CONTROL.findall(start)) > len(start) // 50:
        raise DataError(
            f"{file}: is no table. It must be CSV, TSV or a text divided alike, JSON, JSON lines, lines of Python's "
            "dicts (each also compressed), or Parquet."
        )
    return read_delimited(file, faults, names)


def _start(file: Path) -> bytes:
    try:
        with opened(file) as opened_file:
            return opened_file.read(LOOKED_AT)
    except UNREADABLE as error:
        raise unreadable(file, "", error) from error


def _parquet(path: Path) -> Iterator[tuple[str, Row]]:
    try:
        import pyarrow
        from pyarrow import parquet
    except ImportError as error:
        raise ConfigError(
            f"{path}: Parquet files are read with pyarrow, which is not installed: pip install 'ptmrec[tables]', or "
            "give CSV, TSV or JSON lines."
        ) from error
    number = 0
    try:
        with opened(path) as raw, parquet.ParquetFile(raw) as file:
            for batch in file.iter_batches(batch_size=10_000):
                for row in batch.to_pylist():
                    number += 1
                    yield f"{path.name}, row {number}", row
    except (pyarrow.ArrowException, OSError) as error:
        raise DataError(f"{path}: no readable Parquet file after row {number}: {error}") from error
