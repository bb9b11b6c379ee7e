"""Files that are there as a whole or not at all."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any, BinaryIO

from ..errors import DataError


def write_whole(path: Path, write: Callable[[BinaryIO], Any]) -> None:
    """Let `write` fill a temporary file beside `path`, bring it to the disk, then put it in `path`'s place.

    Whatever goes wrong, a full disk or a kill, `path` is what it was before.

    Raises:
        DataError: the disk refuses.
    """
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        with temporary.open("wb") as file:
            write(file)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
    except (OSError, RuntimeError) as error:
        # torch.save reports a full disk as a RuntimeError about positions in its file
        reason = str(error) if isinstance(error, OSError) else "the disk took only a part of it"
        raise DataError(f"{path}: cannot be written ({reason}). Free space, or choose another folder.") from error
    finally:
        temporary.unlink(missing_ok=True)
