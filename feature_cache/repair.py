"""What is damaged in an environment, and how it is put right: by what can be made anew, and nothing that cannot."""

from __future__ import annotations

import os
from pathlib import Path

from .errors import CacheError
from .file_length import lengths, walks
from .image_store import IMAGE_PREFIX, OUTCOME_PREFIX
from .seal import unseal
from .store import SEALED, Store


def unreadable(folder: Path) -> str | None:
    """Why the environment in `folder` cannot be read as a whole, in words; None if it can."""
    file = folder / "data.mdb"
    found = lengths(file) if file.is_file() else None
    if found is None:
        return "there is no data.mdb of LMDB's"
    if walks(folder):
        return None
    if found.found < found.said:
        return f"data.mdb has {found.found:,} bytes of {found.said:,}"
    return "a process that reads it all does not survive it"


def damaged_entries(store: Store) -> list[bytes]:
    """The names of all entries that are not what was stored, of an environment that can be read."""
    with store._transaction() as txn:
        if txn is None:
            return []
        return [
            bytes(key)[len(SEALED) :]
            for key, value in txn.cursor()
            if bytes(key).startswith(SEALED) and unseal(bytes(key)[len(SEALED) :], value) is None
        ]


def drop(store: Store, names: list[bytes]) -> None:
    """Delete damaged entries; what became of a gathered image goes with it, so that it is fetched again."""
    outcomes = [OUTCOME_PREFIX + name.removeprefix(IMAGE_PREFIX) for name in names if name.startswith(IMAGE_PREFIX)]
    with store._transaction(write=True) as txn:
        assert txn is not None  # there is one: they were found there
        for name in (*names, *outcomes):
            txn.delete(SEALED + name)


def put_aside(folder: Path) -> Path:
    """Give the environment's folder another name beside it, which is returned: nothing is deleted.

    Raises:
        CacheError: the system refuses.
    """
    for number in range(1, 1000):
        place = folder.with_name(f"{folder.name}.damaged-{number}")
        if not place.exists():
            try:
                os.rename(folder, place)
            except OSError as error:
                raise CacheError(f"{folder}: cannot be renamed: {error}. Move it away yourself.") from error
            return place
    raise CacheError(f"{folder}: there are a thousand damaged ones beside it. Delete some.")
