"""Room on the disk."""

from __future__ import annotations

import shutil
from pathlib import Path

from mmrec_host.errors import DataError

RESERVE = 1 << 29  # bytes that are left free


def require_space(folder: Path, nbytes: int, purpose: str) -> None:
    """`DataError` unless `nbytes` more fit on the disk of `folder`, with some left over for everybody else."""
    free = shutil.disk_usage(folder).free
    if free - nbytes < RESERVE:
        raise DataError(
            f"{folder}: {free / 1e6:,.0f} MB are free, {purpose} needs {nbytes / 1e6:,.0f} MB, and "
            f"{RESERVE / 1e6:,.0f} MB stay free. Free space, or choose another disk with data_path=FOLDER; then run "
            "the same command again: it goes on where it was."
        )
