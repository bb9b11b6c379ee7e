"""Item images from a folder of the user's."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path

from feature_cache import ImageStore, Outcome
from mmrec_host.errors import DataError

from .gathering import GONE, LARGEST_IMAGE, NO_IMAGE, TOO_LARGE, Gathering, judge


def names_by_id(folder: Path) -> dict[str, str]:
    """The file of each raw item id in `folder`, `<id>.<suffix>`; the first name of several.

    Raises:
        DataError: there is no such folder.
    """
    if not folder.is_dir():
        raise DataError(f"--images {folder}: there is no such folder.")
    names: dict[str, str] = {}
    for name in sorted(path.name for path in folder.iterdir() if not path.name.startswith(".")):
        names.setdefault(Path(name).stem, name)
    return names


def gather_files(home: Path, folder: Path, names: Iterable[str], progress: bool) -> None:
    """Store the files `names` of `folder` among the images of the dataset folder `home`; unchanged ones are there.

    Raises:
        DataError: the disk is nearly full.
    """
    known: Mapping[str, Outcome] = ImageStore(home).outcomes()
    stamps = {name: _stamp(folder, name) for name in names}
    new = [name for name, stamp in stamps.items() if name not in known or known[name].detail != stamp]
    with Gathering(home, len(new), progress) as gathering:
        for name in new:
            gathering.add(*_read(folder, name, stamps[name]))


def _stamp(folder: Path, name: str) -> str:
    """Size and modification time; empty if there is no such file."""
    try:
        path = folder / name
        stat = path.stat()
        if not path.is_file():
            return ""
    except (OSError, ValueError):
        return ""
    return f"{stat.st_size} bytes of {stat.st_mtime_ns}"


def _read(folder: Path, name: str, stamp: str) -> tuple[Outcome, bytes]:
    if not stamp:
        return Outcome(name, GONE, "no such file"), b""
    path = (folder / name).resolve()
    if not path.is_relative_to(folder.resolve()):
        return Outcome(name, NO_IMAGE, "outside the folder of images"), b""
    try:
        if path.stat().st_size > LARGEST_IMAGE:
            return Outcome(name, TOO_LARGE, stamp), b""
        data = path.read_bytes()
    except OSError as error:
        return Outcome(name, NO_IMAGE, str(error)), b""
    return judge(name, data, stamp), data
