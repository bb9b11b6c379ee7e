"""How log lines read, on stderr and in a run's log.txt."""

from __future__ import annotations

import logging

from .printable import printable


class LogFormatter(logging.Formatter):
    """What comes from data or servers into a message cannot command the terminal that it is read in."""

    def format(self, record: logging.LogRecord) -> str:
        """One record, a traceback included."""
        return printable(super().format(record))
