"""What is costly to find out and small to tell: one process of `--jobs` finds it, those after it are told."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

FOUND: dict[str, Any] = {}
"""What this process has found, or was told."""


def found_once(what: str, find: Callable[[], Any]) -> Any:
    """What `find` gives; once a process, and once for all processes of `--jobs` that begin a job later.

    Args:
        what: it is, with all that it depends on.
        find: gives what can be pickled and does not change while the command runs.
    """
    if what not in FOUND:
        FOUND[what] = find()
    return FOUND[what]
