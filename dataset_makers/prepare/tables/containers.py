"""Files as they come: compressed, in an archive, or the parts of a folder; told by first bytes, not by names."""

from __future__ import annotations

import bz2
import codecs
import contextlib
import gzip
import io
import lzma
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from mmrec_host.errors import DataError

if TYPE_CHECKING:
    from typing_extensions import Buffer

GZIP, BZIP2, XZ, ZIP = b"\x1f\x8b", b"BZh", b"\xfd7zXZ\x00", b"PK\x03\x04"
UTF16 = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)
PACKED_OTHERWISE = {
    "tar": (b"ustar", 257),
    "7z": (b"7z\xbc\xaf\x27\x1c", 0),
    "RAR": (b"Rar!\x1a\x07", 0),
    "Zstandard": (b"\x28\xb5\x2f\xfd", 0),
}
UNREADABLE = (OSError, EOFError, zlib.error, lzma.LZMAError, UnicodeError, zipfile.BadZipFile, RuntimeError)
"""What a damaged or encrypted file raises while it is read."""


def holder(path: Path) -> Path:
    """The file or folder on the disk: `path` itself, or the archive of which it names a member (`ml-1m.zip/users`)."""
    for place in (path, *path.parents):
        if place.is_dir():
            return path
        if place.is_file():
            return place
    return path


def parts(path: Path) -> list[Path]:
    """The files that make up a table: `path`, or the visible files of a folder in the order of their names.

    Raises:
        DataError: there is no such file, or nothing in the folder.
    """
    if path.is_dir():
        found = [file for file in sorted(path.rglob("*")) if file.is_file() and not _hidden(file, path)]
        if not found:
            raise DataError(f"{path}: there is no file in this folder.")
        return found
    if not holder(path).is_file():
        raise DataError(f"{path}: there is no such file.")
    return [path]


def _hidden(file: Path, folder: Path) -> bool:
    return any(name.startswith((".", "_")) for name in file.relative_to(folder).parts)  # `_SUCCESS`, `.part-0.crc`


@contextlib.contextmanager
def opened(path: Path) -> Iterator[BinaryIO]:
    """The bytes of a file, unpacked, UTF-16 as UTF-8; of an archive those of its only file, or of the one named.

    Raises:
        DataError: an archive of several files, or a kind that is not unpacked.
    """
    archive = holder(path)
    with contextlib.ExitStack() as stack:
        file: BinaryIO = stack.enter_context(archive.open("rb"))
        member = "" if archive == path else path.relative_to(archive).as_posix()
        if member and not _starts(file, ZIP):
            raise DataError(f"{path}: {archive} is no zip archive, so nothing in it can be named.")
        while True:
            if _starts(file, ZIP):
                file = stack.enter_context(_member(zipfile.ZipFile(file), path, member))
                member = ""
            elif _starts(file, GZIP):
                file = gzip.GzipFile(fileobj=file)  # type: ignore[assignment]
            elif _starts(file, BZIP2):
                file = bz2.BZ2File(file)  # type: ignore[assignment]
            elif _starts(file, XZ):
                file = lzma.LZMAFile(file)  # type: ignore[assignment]
            else:
                break
        if any(_starts(file, mark) for mark in UTF16):
            file = io.BufferedReader(_AsUtf8(file))
        elif kind := next((name for name, (magic, at) in PACKED_OTHERWISE.items() if _starts(file, magic, at)), None):
            raise DataError(f"{path}: is a {kind} archive. Unpack it, and name the file in it.")
        yield file


def _starts(file: BinaryIO, magic: bytes, at: int = 0) -> bool:
    start = file.read(at + len(magic))
    file.seek(0)
    return start[at:] == magic


def members(path: Path) -> list[Path]:
    """The files in a zip archive, by paths that lead into it; `path` itself if it is none."""
    if not zipfile.is_zipfile(path):
        return [path]
    with zipfile.ZipFile(path) as archive:
        return [path / name for name in _names(archive)]


def _names(archive: zipfile.ZipFile) -> list[str]:
    names = [info.filename for info in archive.infolist() if not info.is_dir()]
    return [name for name in names if not name.startswith("__MACOSX/") and not Path(name).name.startswith(".")]


def _member(archive: zipfile.ZipFile, path: Path, member: str) -> BinaryIO:
    """The named file of an archive, or its only one."""
    names = _names(archive)
    if any(name.startswith("xl/") for name in names):
        raise DataError(f"{path}: is a spreadsheet. Save the sheet as CSV, and give that.")
    chosen = [name for name in names if not member or name == member]
    if len(chosen) != 1:
        what = f"holds no {member}" if member else "holds several files" if names else "holds no file"
        some = f": {', '.join(names[:8])}{', …' if len(names) > 8 else ''}. Name one: {holder(path)}/{names[0]}"
        raise DataError(f"{path}: {what}{some if names else ''}.")
    return archive.open(chosen[0])  # type: ignore[return-value]


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
