"""Whether an LMDB environment's file is as long as it says: LMDB maps it, and reading past its end kills the process.

The layout is that of LMDB 0.9 (`MDB_page`, `MDB_meta` in its mdb.c): two meta pages, of which the one with the higher
transaction counts. It names the last page that was ever used.
"""

from __future__ import annotations

import struct
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

MAGIC = 0xBEEFC0DE
HEADER = 16  # bytes of a page before what it holds
META = struct.Struct("<IIQQI")  # magic, version, address, size of the map, size of a page (in the free list's record)
END = struct.Struct("<QQ")  # last page, transaction; behind the records of two trees, of 48 bytes each
TREES = 2 * 48
LONGEST_PAGE = 1 << 16
PATIENCE = 600  # seconds that a walk may take


class Lengths(NamedTuple):
    """Bytes that a file has, and that its newest meta page speaks of."""

    found: int
    said: int


def lengths(file: Path) -> Lengths | None:
    """The lengths of `data.mdb`; None if it is not one of LMDB's, or begins with no whole meta page."""
    with file.open("rb") as data:
        first = _meta(data.read(LONGEST_PAGE))
        if first is None:
            return None
        data.seek(first[2])
        second = _meta(data.read(LONGEST_PAGE))
        found = data.seek(0, 2)
    _, last_page, page_size = max(first, second or first)
    return Lengths(found, (last_page + 1) * page_size)


def _meta(page: bytes) -> tuple[int, int, int] | None:
    """Transaction, last page and page size in a meta page; None if it is none."""
    start = HEADER + 24  # of the trees' records, the first of which begins with the size of a page
    if len(page) < start + TREES + END.size:
        return None
    magic, _, _, _, page_size = META.unpack_from(page, HEADER)
    last_page, transaction = END.unpack_from(page, start + TREES)
    return (transaction, last_page, page_size) if magic == MAGIC else None


def walks(folder: Path) -> bool:
    """Whether another process can read all of the environment in `folder`, and lives."""
    try:
        done = subprocess.run(  # noqa: S603 (this program)
            [sys.executable, "-c", WALK, str(folder)], capture_output=True, timeout=PATIENCE, check=False
        )
    except subprocess.TimeoutExpired:
        return False
    return done.returncode == 0


WALK = """
import sys, zlib, lmdb
with lmdb.open(sys.argv[1], readonly=True, lock=False) as env, env.begin(buffers=True) as txn:
    for key, value in txn.cursor():
        zlib.crc32(value, zlib.crc32(key))
"""


def cut_short(folder: Path) -> Lengths | None:
    """The lengths of a file that lacks pages which are in use; None if nothing is missing, as far as its length tells.

    A file may end before the last page that was ever used, where that was freed before it was written: whether one of
    the missing pages is in use shows another process, which reads all of them.
    """
    found = lengths(folder / "data.mdb")
    return found if found is not None and found.found < found.said and not walks(folder) else None
