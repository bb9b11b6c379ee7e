"""One process at a time: who comes later waits, and then finds what the other has made."""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Iterator
from pathlib import Path

from filelock import FileLock, Timeout

log = logging.getLogger(__name__)


@contextlib.contextmanager
def alone(file: Path, doing: str) -> Iterator[None]:
    """Inside, no other process is in here with the same file; the system gives it back when this one ends.

    Args:
        doing: what the other one is doing, for the log line of who waits.
    """
    file.parent.mkdir(parents=True, exist_ok=True)
    lock = FileLock(file)
    try:
        lock.acquire(timeout=0)
    except Timeout:
        log.info("waits for another process that %s", doing)
        lock.acquire()
    if not file.exists():  # the other one has taken the name away: this is a lock on nothing
        lock.release()
        with alone(file, doing):
            yield
        return
    try:
        yield
    finally:
        with contextlib.suppress(OSError):  # Windows keeps open files
            file.unlink()
        lock.release()
