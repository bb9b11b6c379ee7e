"""Rows of tables: CSV, TSV, JSON lines and Parquet, by the file's suffix."""

from __future__ import annotations

import csv
import json
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from mmrec_host.errors import ConfigError, DataError

from ..faults import Faults
from .text_lines import read_lines

DELIMITED, JSON_LINES, PARQUET = (".csv", ".tsv", ".txt", ".inter"), (".jsonl", ".ndjson", ".json"), (".parquet", ".pq")
BROKEN = "broken row (skipped)"
Row = dict[str, Any]


def read_rows(path: Path, faults: Faults) -> Iterator[tuple[str, Row]]:
    """Place ("FILE, line 7") and values by column of each row; broken rows are counted and skipped.

    Text files may be gzipped (`.csv.gz`). The delimiter of a CSV file is the one that its header has most of.

    Raises:
        ConfigError: the suffix says nothing, or Parquet's package is missing.
        DataError: the file is missing, unreadable or has no header.
    """
    suffix = Path(path.name.lower().removesuffix(".gz")).suffix
    if not path.is_file():
        raise DataError(f"{path}: there is no such file.")
    if suffix in DELIMITED:
        return _delimited(path, faults)
    if suffix in JSON_LINES:
        return _json_lines(path, faults)
    if suffix in PARQUET:
        return _parquet(path)
    allowed = ", ".join((*DELIMITED, *JSON_LINES, *PARQUET))
    raise ConfigError(
        f"{path}: the suffix does not say what it is; allowed are {allowed}, and .gz behind text formats."
    )


def _delimited(path: Path, faults: Faults) -> Iterator[tuple[str, Row]]:
    lines = (line.replace("\0", "") for _, line in read_lines(path, faults))
    header_line = next(lines, "")
    counts = Counter({sign: header_line.count(sign) for sign in "\t,;|"})
    delimiter = counts.most_common(1)[0][0]
    header = [name.strip() for name in next(csv.reader([header_line], delimiter=delimiter), [])]
    if len(header) < 2 or len(set(header)) < len(header):
        raise DataError(
            f"{path}: the first line must name at least two columns, each once, divided by tabs, commas, semicolons or "
            f"bars; it is {header_line[:200]!r}."
        )
    reader = csv.reader(lines, delimiter=delimiter)
    while True:
        before = reader.line_num  # of the lines after the header; a stray quote may swallow many
        where = f"{path.name}, line {before + 2}"
        try:
            cells = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            faults.add(BROKEN, f"{where}: {error}", reader.line_num - before)
            continue
        if len(cells) == len(header):
            yield where, dict(zip(header, cells))
        elif any(cell.strip() for cell in cells):
            found = f"{where}: {len(cells)} instead of {len(header)} cells: {cells}"
            faults.add(BROKEN, found, reader.line_num - before)


def _json_lines(path: Path, faults: Faults) -> Iterator[tuple[str, Row]]:
    for number, line in read_lines(path, faults):
        if not line.strip():
            continue
        where = f"{path.name}, line {number}"
        try:
            row = json.loads(line)
        except (ValueError, RecursionError):
            row = None
        if isinstance(row, dict):
            yield where, row
        else:
            faults.add(BROKEN, f"{where}: {line}")


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
        with parquet.ParquetFile(path) as file:
            for batch in file.iter_batches(batch_size=10_000):
                for row in batch.to_pylist():
                    number += 1
                    yield f"{path.name}, row {number}", row
    except (pyarrow.ArrowException, OSError) as error:
        raise DataError(f"{path}: no readable Parquet file after row {number}: {error}") from error
