"""Lines of text files, however they are packed and in whatever encoding they are."""

from __future__ import annotations

import codecs
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from mmrec_host.errors import DataError

from ..faults import Faults
from .containers import UNREADABLE, opened

LONGEST = 1 << 24  # bytes of a line; a longer one is skipped


def read_lines(path: Path, faults: Faults) -> Iterator[tuple[int, str]]:
    """Number (from 1) and text of each line, with its line end, without a byte order mark.

    A line that is not UTF-8 is read as Windows-1252 and counted; a file with a UTF-16 mark is read as UTF-16.

    Raises:
        DataError: the file cannot be read, or its compressed data end early or are damaged.
    """
    number = 0
    try:
        with opened(path) as file:
            for number, line in enumerate(_bounded(file, path, faults), start=1):
                yield number, _decode(line.removeprefix(codecs.BOM_UTF8) if number == 1 else line, path, number, faults)
    except UNREADABLE as error:
        raise unreadable(path, f"after line {number} ", error) from error


def unreadable(path: Path, where: str, error: Exception) -> DataError:
    """What is said of a file whose bytes cannot be had."""
    return DataError(
        f"{path}: cannot be read {where}({type(error).__name__}: {error}). If it is a download, remove it and run the "
        "same command again: it is fetched anew."
    )


def _bounded(file: BinaryIO, path: Path, faults: Faults) -> Iterator[bytes]:
    """Lines of `file`; an empty one stands for each that is too long, so that the numbers stay right."""
    while line := file.readline(LONGEST):
        if len(line) == LONGEST and not line.endswith(b"\n"):
            faults.add("line too long (skipped)", f"{path.name}: {line[:60]!r}")
            while rest := file.readline(LONGEST):
                if rest.endswith(b"\n"):
                    break
            line = b"\n"
        yield line


def _decode(line: bytes, path: Path, number: int, faults: Faults) -> str:
    try:
        return line.decode()
    except UnicodeDecodeError:
        text = line.decode("cp1252", errors="replace")
        faults.add("line not in UTF-8 (read as Windows-1252)", f"{path.name}, line {number}: {text}")
        return text
