"""Log lines above the progress bars."""

from __future__ import annotations

import logging
import sys


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
