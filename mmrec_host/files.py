"""Files that are there as a whole or not at all."""

from __future__ import annotations

import contextlib
import os
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any, BinaryIO

import psutil

from .errors import DataError

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None  # type: ignore[assignment]

TORCH_SAVE = ("PytorchStreamWriter", "unexpected pos")


def require_place(path: Path) -> None:
    """Refuse, before any work, a path that no file can have.

    Raises:
        DataError: the folder around it does not exist, or the path is a folder itself.
    """
    if not path.parent.is_dir():
        raise DataError(f"{path}: cannot be written, as there is no folder {path.parent}. Make it, or choose another.")
    if path.is_dir():
        raise DataError(f"{path}: is a folder. Name a file in it, such as {path / 'NAME'}.")


def clear_litter(path: Path) -> None:
    """Remove the temporary files beside `path` that `write_whole` made in processes that were killed.

    Who writes is alive, here or in another container, and holds a lock on its file.
    """
    name = re.compile(rf"\.{re.escape(path.name)}\.(\d+)\.tmp")
    with os.scandir(path.parent) as entries:
        found = {Path(entry.path): int(match[1]) for entry in entries if (match := name.fullmatch(entry.name))}
    for litter, pid in found.items():
        with contextlib.suppress(OSError):
            if not psutil.pid_exists(pid):
                with litter.open("r+b") as file:
                    _lock(file)
                    litter.unlink()


def _lock(file: BinaryIO) -> None:
    """Hold a lock on an open file as long as it is open; `OSError` if another process does."""
    if fcntl is not None:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)


def write_whole(path: Path, content: bytes | Callable[[BinaryIO], Any]) -> None:
    """Write `content`, or let it write, to a temporary file beside `path`, sync it, then put it in `path`'s place.

    Whatever goes wrong, a full disk or a kill, `path` is what it was before. What a killed process left beside it is
    cleared away.

    Raises:
        DataError: there is no such folder, or the disk refuses.
    """
    require_place(path)
    clear_litter(path)
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        with temporary.open("wb") as file:
            with contextlib.suppress(OSError):  # a file system without locks
                _lock(file)
            if isinstance(content, bytes):
                file.write(content)
            else:
                content(file)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
    except (OSError, RuntimeError) as error:
        # torch.save reports a full disk as a RuntimeError about positions in its file
        if isinstance(error, RuntimeError) and not any(words in str(error) for words in TORCH_SAVE):
            raise
        reason = str(error) if isinstance(error, OSError) else "the disk took only a part of it"
        raise DataError(f"{path}: cannot be written ({reason}). Free space, or choose another folder.") from error
    finally:
        temporary.unlink(missing_ok=True)
