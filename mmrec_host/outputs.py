"""Where a command may write what it was asked for: never over a file of somebody else, nor among data and runs."""

from __future__ import annotations

from pathlib import Path

from .errors import DataError
from .files import require_place

PAGE_MARK = b'<meta name="generator" content="ptmrec">'
"""Stands in the head of each page that a command writes, so that the next one may take its place."""

HEAD = 4096  # bytes of a file in which a mark is looked for


def holds(folder: Path) -> str | None:
    """What the folder is that nothing is written into: data, a cache or a run; None if it is none of them."""
    marks = {
        "a data folder": (f"{folder.name}.inter", "items.jsonl", "dataset.yaml"),
        "a cache": ("data.mdb",),
        "the folder of a run": ("run.json",),
    }
    return next((what for what, names in marks.items() if any((folder / name).is_file() for name in names)), None)


def require_outside(path: Path, *, also: bool = False, may: tuple[str, ...] = ()) -> None:
    """Refuse a path that lies in a folder of data, in a cache or in the folder of a run.

    Args:
        also: the path is a folder itself, and may be none of these.
        may: of what `holds` says, what it may be.

    Raises:
        DataError: it does.
    """
    whole = path.resolve()
    for folder in (*([whole] if also else []), *whole.parents):
        if (what := holds(folder)) and what not in may:
            raise DataError(f"{path}: lies in {folder}, {what}, where nothing else is written. Name another place.")


def require_output(path: Path, force: bool = False, mark: bytes | None = None) -> None:
    """Refuse, before any work, a file that may not be written.

    Args:
        force: replace an ordinary file.
        mark: what is in the head of a file that the command made itself, which it may replace.

    Raises:
        DataError: no file can be there, it lies where nothing is written, or it is there and not the command's own.
    """
    require_place(path)
    require_outside(path)
    if not path.exists() or (force and path.is_file()):
        return
    if not path.is_file():
        raise DataError(f"{path}: is no ordinary file. Name another one.")
    with path.open("rb") as file:
        if mark is None or mark not in file.read(HEAD):
            raise DataError(f"{path}: is there already, and stays. Name another file, or replace it with --force.")
