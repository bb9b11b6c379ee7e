"""Lines of text files, plain or gzip, in whatever encoding they are."""

from __future__ import annotations

import codecs
import gzip
import io
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from mmrec_host.errors import DataError

from ..faults import Faults

if TYPE_CHECKING:
    from typing_extensions import Buffer

LONGEST = 1 << 24  # bytes of a line; a longer one is skipped
GZIP_MAGIC = b"\x1f\x8b"
UTF16 = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)


def read_lines(path: Path, faults: Faults) -> Iterator[tuple[int, str]]:
    """Number (from 1) and text of each line, with its line end, without a byte order mark.

    A line that is not UTF-8 is read as Windows-1252 and counted; a file with a UTF-16 mark is read as UTF-16.

    Raises:
        DataError: the file cannot be read, or its compressed data end early or are damaged.
    """
    number = 0
    try:
        with path.open("rb") as raw, _uncompressed(raw) as file:
            for number, line in enumerate(_bounded(file, path, faults), start=1):
                yield number, _decode(line.removeprefix(codecs.BOM_UTF8) if number == 1 else line, path, number, faults)
    except (OSError, EOFError, zlib.error, UnicodeError) as error:  # gzip.BadGzipFile is an OSError
        raise DataError(
            f"{path}: cannot be read after line {number} ({type(error).__name__}: {error}). If it is a download, "
            "remove it and run the same command again: it is fetched anew."
        ) from error


def _uncompressed(raw: BinaryIO) -> BinaryIO | gzip.GzipFile:
    start = raw.read(2)
    raw.seek(0)
    if start == GZIP_MAGIC:
        return gzip.GzipFile(fileobj=raw)
    if start in UTF16:
        return io.BufferedReader(_AsUtf8(raw))
    return raw


class _AsUtf8(io.RawIOBase):
    """The bytes of a UTF-16 file as UTF-8."""

    def __init__(self, raw: BinaryIO) -> None:
        self._text = io.TextIOWrapper(raw, encoding="utf-16", errors="replace", newline="")
        self._rest = b""

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Buffer) -> int:
        self._rest = self._rest or self._text.read(1 << 16).encode()
        view = memoryview(buffer)
        n = min(len(view), len(self._rest))
        view[:n], self._rest = self._rest[:n], self._rest[n:]
        return n


def _bounded(file: BinaryIO | gzip.GzipFile, path: Path, faults: Faults) -> Iterator[bytes]:
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
