"""Whether a process is still at a run: it holds a lock on a file of the run's folder, which ends with the process."""

from __future__ import annotations

from pathlib import Path

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None  # type: ignore[assignment]

LOCK = ".lock"


def is_held(folder: Path) -> bool:
    """Whether a process holds the lock; also where that cannot be told."""
    try:
        with (folder / LOCK).open("rb") as file:
            if fcntl is None:
                return True
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except FileNotFoundError:
        return False
    except OSError:  # held, or a file system without locks
        return True
    return False
