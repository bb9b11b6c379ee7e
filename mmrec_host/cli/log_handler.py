"""Log lines above the progress bars."""

from __future__ import annotations

import logging
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from ..log_format import LogFormatter

OUR_PACKAGES = ("mmrec_host", "mmrec_bridge", "feature_cache", "dataset_makers", "run_tools", "ptmrec_plugin")
"""Whose logs are shown."""


class TqdmHandler(logging.StreamHandler):
    """Writes to its stream; once there are tqdm's bars, through tqdm, which draws them again below the line."""

    def emit(self, record: logging.LogRecord) -> None:
        """Write one line."""
        tqdm = sys.modules.get("tqdm")
        if tqdm is None:
            super().emit(record)
            return
        try:
            tqdm.tqdm.write(self.format(record), file=self.stream)
            self.flush()
        except Exception:
            self.handleError(record)


@contextmanager
def log_to_stderr(shown: bool = True) -> Iterator[None]:
    """Inside, our packages' log goes to stderr, if `shown` and the program has not said itself where logs go."""
    loggers = [logging.getLogger(name) for name in OUR_PACKAGES]
    if not shown or logging.getLogger().handlers or any(logger.handlers for logger in loggers):
        yield
        return
    handler, levels = TqdmHandler(sys.stderr), [logger.level for logger in loggers]
    handler.setFormatter(LogFormatter("%(message)s"))
    for logger in loggers:
        logger.addHandler(handler)
        logger.setLevel(logger.level or logging.INFO)
    try:
        yield
    finally:
        for logger, level in zip(loggers, levels, strict=True):
            logger.removeHandler(handler)
            logger.setLevel(level)
