"""Files that are there as a whole or not at all."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any, BinaryIO

from .errors import DataError

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


def write_whole(path: Path, content: bytes | Callable[[BinaryIO], Any]) -> None:
    """Write `content`, or let it write, to a temporary file beside `path`, sync it, then put it in `path`'s place.

    Whatever goes wrong, a full disk or a kill, `path` is what it was before.

    Raises:
        DataError: there is no such folder, or the disk refuses.
    """
    require_place(path)
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        with temporary.open("wb") as file:
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
