"""What a folder of the generated dataset was made with, and what becomes of one that an older version made."""

from __future__ import annotations

import itertools
import json
import logging
import os
from pathlib import Path
from typing import Any

from mmrec_host.errors import DataError

from .options import MiniOptions

log = logging.getLogger(__name__)

OPTIONS_FILE = "mini.json"
# Of what is written. 2: attributes in items.jsonl, tastes in users.jsonl; the same options draw what 1 drew.
VERSION = 2


def write_options(folder: Path, options: MiniOptions) -> None:
    """Note what the folder is made with."""
    text = json.dumps({"version": VERSION, **options.keys()})
    (folder / OPTIONS_FILE).write_text(text, encoding="utf-8")


def is_outdated(folder: Path, options: MiniOptions) -> bool:
    """Whether the folder was made by an older version, with other options.

    With the same options it stays: finished runs are opened on it.

    Raises:
        DataError: this version made it, with other options, or it says of no version what it was made with.
    """
    made = _made_with(folder)
    other = [
        f"{key}={made.get(key)} instead of {value}" for key, value in options.keys().items() if made.get(key) != value
    ]
    if other and made and _version(made) < VERSION:
        return True
    if other:
        raise DataError(
            f"{folder} is there already, made with {', '.join(other)}. Remove it, or have another one made elsewhere "
            "with data_path=FOLDER."
        )
    return False


def keep_aside(folder: Path) -> None:
    """Move the folder, if there is one, to where runs on it can still be opened."""
    if not folder.is_dir():
        return
    name = f"{folder.name}-version-{_version(_made_with(folder))}"
    free = (folder.parent / (name if n == 1 else f"{name}-{n}") for n in itertools.count(1))
    home = next(place for place in free if not place.exists())
    home.mkdir()
    os.replace(folder, home / folder.name)
    said = "%s is of an older version of this program, and made anew; runs on the old one open with data_path=%s"
    log.warning(said, folder, home)


def _made_with(folder: Path) -> dict[str, Any]:
    try:
        made = json.loads((folder / OPTIONS_FILE).read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        return {}
    return made if isinstance(made, dict) and type(made.get("version", 1)) is int else {}


def _version(made: dict[str, Any]) -> int:
    return int(made.get("version", 1))
