"""The files of a prepared dataset: written whole, never over a file that somebody else made."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from mmrec_host.errors import DataError
from mmrec_host.files import write_whole

from .disk import require_space

REPORT = "prepare_report.json"


def read_report(folder: Path) -> dict[str, Any]:
    """The report of the last preparation; empty if there is none, or one that no preparation writes."""
    try:
        report = json.loads((folder / REPORT).read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        return {}
    return report if isinstance(report, dict) and _is_report(report) else {}


def _is_report(report: Mapping[str, Any]) -> bool:
    """Whether what is said in it of files and counts has the shape that it is written in."""
    mappings = (report.get(name) or {} for name in ("files", "older", "counts", "columns", "faults"))
    lists = (report.get(name) or [] for name in ("found", "notes", "warnings", "features"))
    if not all(isinstance(m, dict) for m in mappings) or not all(isinstance(texts, list) for texts in lists):
        return False
    shas = {**(report.get("files") or {}), **(report.get("older") or {})}
    named = [*shas, *(report.get("found") or ())]
    outside = any(not isinstance(name, str) or Path(name).name != name for name in named)
    return not outside and all(isinstance(sha, str) for sha in shas.values())


def write_report(folder: Path, report: Mapping[str, Any]) -> None:
    """Put the report of a preparation into `folder`, in place of an earlier one."""
    write_whole(folder / REPORT, json.dumps(report, indent=1, ensure_ascii=False).encode())


def intact(folder: Path, report: Mapping[str, Any]) -> bool:
    """Whether the report is of a finished preparation whose files are as they were written."""
    files = report.get("files") or {}
    return bool(report.get("complete")) and all(_sha(folder / name) == sha for name, sha in files.items())


def write_files(folder: Path, files: Mapping[str, bytes], report: dict[str, Any]) -> None:
    """Write `files` and then the report, with their digests and "complete".

    The `.inter` file comes last, and an older one goes first: a dataset that can be read is whole. A file that was
    there before, the same, is used and stays somebody else's ("found").

    Raises:
        DataError: a file is there that is not the same and that no preparation wrote, or the disk refuses.
    """
    before = read_report(folder)
    found_before = set(before.get("found") or ())
    ours = {
        (name, sha)
        for shas in (before.get("files"), before.get("older"))
        for name, sha in (shas or {}).items()
        if name not in found_before
    }
    now = {name: _digest(data) for name, data in files.items()}
    there = {name: sha for name in files if (sha := _sha(folder / name)) is not None}
    found = [name for name, sha in there.items() if (name, sha) not in ours]  # somebody else's
    in_the_way = [name for name in found if there[name] != now[name]]
    if in_the_way:
        raise DataError(
            f"{folder}: {', '.join(in_the_way)} would be written over, and `ptmrec prepare` did not write it as it is. "
            "Move it away, or prepare under another name."
        )
    folder.mkdir(parents=True, exist_ok=True)
    require_space(folder, sum(map(len, files.values())), "the dataset")
    report.update(files=now, found=found, older=there, complete=False)
    write_report(folder, report)
    changed = sorted((name for name in files if there.get(name) != now[name]), key=lambda name: name.endswith(".inter"))
    for name in changed:
        if name.endswith(".inter"):
            (folder / name).unlink(missing_ok=True)
    for name in changed:
        write_whole(folder / name, files[name])
    report.update(older={}, complete=True)
    write_report(folder, report)


def _digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def _sha(path: Path) -> str | None:
    return _digest(path.read_bytes()) if path.is_file() else None
