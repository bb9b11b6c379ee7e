"""A finished run as one file, and back: what a table, a page and recommendations need, each file with its digest.

A pack is a zip archive. Its first member, PACK, names every other one with its size and SHA-256. Nothing in it is
executable: numbers, texts, pictures, and weights that are read with `weights_only=True` or as safetensors.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import re
import shutil
import tempfile
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO

from mmrec_host.config_layers import require_dataset_name
from mmrec_host.errors import ConfigError, DataError
from mmrec_host.files import write_whole
from mmrec_host.runs.record import RunRecord, runs_folder
from mmrec_host.version import __version__

from .serve import VECTORS_FILE

PACK = "ptmrec-pack.json"
FORMAT = 1
KINDS = (".json", ".jsonl", ".yaml", ".npz", ".pt", ".safetensors", ".png", ".md")
LEFT = {"resume.pt", VECTORS_FILE}  # of an interrupted run; the data of a served one, which serving makes again
NAME = re.compile(r"[\w=+-][\w.=+-]*(/[\w=+-][\w.=+-]*)?")  # a file, or one in a folder of the run
WHEN = (1980, 1, 1, 0, 0, 0)  # a run gives the same pack, whenever it is packed
MOST, LONGEST = 200, 1_000_000  # files; bytes of what names them
PIECE = 1 << 20


def pack_run(folder: Path, output: Path) -> int:
    """Write the run in `folder` to `output`, and return how many files are in it.

    Raises:
        DataError: there is no finished run, or the file cannot be written.
    """
    record = RunRecord.load(folder)
    if record.info["status"] != "finished":
        raise DataError(f"{folder}: this is {record.status}, no finished run; only those are packed.")
    paths = sorted(path for path in folder.rglob("*") if path.is_file() and path.suffix in KINDS)
    files = {path.relative_to(folder).as_posix(): path for path in paths if path.name not in LEFT}
    files = {name: path for name, path in files.items() if NAME.fullmatch(name)}
    listed = {name: {"bytes": path.stat().st_size, "sha256": _digest(path)} for name, path in files.items()}
    said = {"format": FORMAT, "version": __version__, "dataset": record.info["dataset"], "run": folder.resolve().name}

    def write(file: BinaryIO) -> None:
        with zipfile.ZipFile(file, "w") as archive:
            archive.writestr(zipfile.ZipInfo(PACK, WHEN), json.dumps(said | {"files": listed}, indent=1))
            for name, path in files.items():
                with path.open("rb") as source, archive.open(zipfile.ZipInfo(name, WHEN), "w") as target:
                    shutil.copyfileobj(source, target, PIECE)

    write_whole(output, write)
    return len(files)


def unpack_run(pack: Path, root: Path) -> Path:
    """Put the run of a pack under `root`, as `<root>/<dataset>/<run>`, and return that folder.

    Raises:
        DataError: no pack, one that was changed or cut short, or another run is there already; `root` is as before.
    """
    with _opened(pack) as archive:
        said = _contents(pack, archive)
        folder = runs_folder(root, said["dataset"]) / said["run"]
        if all(_is(folder / name, about["sha256"]) for name, about in said["files"].items()):
            return folder
        if folder.exists():
            raise DataError(
                f"{folder}: is there already, and another one. Remove it, or unpack elsewhere with --runs PATH."
            )
        folder.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=".unpacked-", dir=folder.parent) as temporary:
            made = Path(temporary) / said["run"]
            for name, about in said["files"].items():
                path = made / name
                path.parent.mkdir(parents=True, exist_ok=True)
                with archive.open(name) as source:
                    if _copied(source, path, about["bytes"]) != about["sha256"]:
                        raise _damaged(pack, f"{name} is not what {PACK} says")
            record = RunRecord.load(made)
            if (record.info["dataset"], record.info["status"]) != (said["dataset"], "finished"):
                raise _damaged(pack, f"its run.json is of {record.status} on {record.info['dataset']}")
            made.rename(folder)
    return folder


@contextlib.contextmanager
def _opened(pack: Path) -> Iterator[zipfile.ZipFile]:
    try:
        with zipfile.ZipFile(pack) as archive:
            yield archive
    except FileNotFoundError as error:
        raise DataError(f"{pack}: there is no such file.") from error
    except (zipfile.BadZipFile, EOFError, NotImplementedError, RuntimeError) as error:
        raise _damaged(pack, str(error)) from error


def _contents(pack: Path, archive: zipfile.ZipFile) -> dict[str, Any]:
    """What PACK says, after it is found to be what `pack_run` writes and to name every member."""
    members = {info.filename: info for info in archive.infolist()}
    if PACK not in members or members[PACK].file_size > LONGEST or len(members) != len(archive.infolist()):
        raise _damaged(pack, f"it has no {PACK} of ours")
    try:
        said = json.loads(archive.read(PACK))
        files = {str(name): (about["bytes"], about["sha256"]) for name, about in said["files"].items()}
        dataset, run = said["dataset"], said["run"]
        require_dataset_name(dataset)
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError, ConfigError) as error:
        raise _damaged(pack, f"{PACK} cannot be read ({error})") from error
    if said.get("format") != FORMAT:
        raise DataError(f"{pack}: in format {said.get('format')}; this version reads format {FORMAT}. Update ptmrec.")
    wrong = [name for name in files if not NAME.fullmatch(name) or Path(name).suffix not in KINDS]
    if wrong or "/" in str(run) or not NAME.fullmatch(str(run)) or len(files) > MOST:
        raise _damaged(pack, f"{', '.join(wrong[:3]) or run}: no file of a run")
    if files.keys() | {PACK} != members.keys():
        raise _damaged(pack, f"its members are not those that {PACK} names")
    if any(members[name].file_size != size for name, (size, _) in files.items()):
        raise _damaged(pack, f"sizes are not those that {PACK} says")
    return said


def _copied(source: Any, path: Path, size: int) -> str:
    """Copy at most `size` bytes and one more, and return their SHA-256."""
    sha = hashlib.sha256()
    with path.open("wb") as target:
        left = size + 1
        while left > 0 and (piece := source.read(min(PIECE, left))):
            sha.update(piece)
            target.write(piece)
            left -= len(piece)
    return sha.hexdigest()


def _digest(path: Path) -> str:
    sha = hashlib.sha256()
    with path.open("rb") as file:
        while piece := file.read(PIECE):
            sha.update(piece)
    return sha.hexdigest()


def _is(file: Path, sha256: str) -> bool:
    return file.is_file() and _digest(file) == sha256


def _damaged(pack: Path, why: str) -> DataError:
    return DataError(f"{pack}: no pack of a run, or a damaged one: {why}. Get it again; nothing was unpacked.")
