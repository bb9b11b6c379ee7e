"""What a folder is: a dataset, or files that a dataset can be made of."""

from __future__ import annotations

from pathlib import Path

from mmrec_host.errors import DataError

from .finding import Finding
from .finished import check_dataset, inter_file
from .raw_files import check_files


def check_folder(folder: Path) -> Finding:
    """What a folder is, what is wrong with it, and what it can run; nothing is written.

    Raises:
        DataError: there is no such folder, or nothing in it.
    """
    if not folder.is_dir():
        raise DataError(f"--check {folder}: there is no such folder.")
    inter = inter_file(folder)
    return check_files(folder) if inter is None else check_dataset(folder, inter)
