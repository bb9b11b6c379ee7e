"""Item images from a folder of the user's."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path

from feature_cache import ImageStore, Outcome
from feature_cache.raw_folder import SUFFIXES
from mmrec_host.errors import DataError

from .gathering import GONE, LARGEST_IMAGE, NO_IMAGE, TOO_LARGE, Gathering, judge

FIRST_OF_SEVERAL = ("_0", "_1", "-0", "-1", ".0", ".1", "_01", "-01")  # behind an id


class PictureFolder:
    """A folder of pictures, and of folders of them, in which items find theirs by id or by file name.

    Raises:
        DataError: there is no such folder.
    """

    def __init__(self, folder: Path) -> None:
        if not folder.is_dir():
            raise DataError(f"--images {folder}: there is no such folder.")
        files = (file for file in folder.rglob("*") if file.is_file() or file.is_symlink())
        found = [file.relative_to(folder) for file in files if not file.name.startswith(".")]
        found.sort(key=lambda file: (len(file.parts), file.as_posix()))
        self.names = [file.as_posix() for file in found]
        self._all = set(self.names)
        self._by_stem: dict[str, str] = {}
        self._by_name: dict[str, str] = {}
        self._by_folder: dict[str, str] = {}
        for file, name in zip(found, self.names):
            self._by_name.setdefault(file.name, name)
            if file.suffix.lower() in SUFFIXES or len(file.parts) == 1:
                self._by_stem.setdefault(file.stem, name)
                self._by_folder.setdefault(file.parent.name, name)
        self._by_number = {stem.lstrip("0"): name for stem, name in reversed(self._by_stem.items()) if stem.isdecimal()}

    def of_item(self, item: str) -> str:
        """The file of an item by its raw id: `<id>.jpg`, `<id>_1.jpg`, `<id>/any.jpg`, or `<id>` without leading zeros.

        At any depth; empty if there is none.
        """
        stems = (item, *(item + end for end in FIRST_OF_SEVERAL))
        found = next((self._by_stem[stem] for stem in stems if stem in self._by_stem), "")
        return (
            found or self._by_folder.get(item, "") or (item.isdecimal() and self._by_number.get(item.lstrip("0"))) or ""
        )

    def named(self, name: str) -> str:
        """The file that a table calls `name`: at its place, else the one called so at any depth; else `name` itself."""
        plain = name.removeprefix("./")
        if plain in self._all:
            return plain
        return self._by_name.get(Path(name).name) or self._by_stem.get(name) or name


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
