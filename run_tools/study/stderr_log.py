"""What a study lets through to stderr of all that its runs say."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager

OWN = ("run_tools.study", "mmrec_host.jobs")
"""Whose log is the study's own."""


class WarningsOnce(logging.Filter):
    """Lets through what the study itself says, and each warning of its runs once; the runs' own logs have the rest."""

    def __init__(self) -> None:
        super().__init__()
        self.said: set[str] = set()

    def filter(self, record: logging.LogRecord) -> bool:
        """Whether to write this one."""
        if record.name.startswith(OWN):
            return True
        new = record.levelno >= logging.WARNING and record.getMessage() not in self.said
        self.said.add(record.getMessage())
        return new


@contextmanager
def warnings_once(verbose: bool) -> Iterator[None]:
    """Inside, the handlers that there are now write no more than that, unless all is asked for."""
    filters = {handler: WarningsOnce() for handler in logging.getLogger().handlers if not verbose}
    for handler, only in filters.items():
        handler.addFilter(only)
    try:
        yield
    finally:
        for handler, only in filters.items():
            handler.removeFilter(only)
