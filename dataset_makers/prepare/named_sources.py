"""Published data sets by name: what their files are called, where they lie, and which columns mean what.

Each is a YAML file of a few lines in `mmrec_configs/source/`, which fills in what the command line leaves open.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from mmrec_host.config_layers import known_yamls
from mmrec_host.errors import ConfigError
from mmrec_host.registry import nearest
from mmrec_host.yaml_values import read_mapping

from .arguments import COLUMNS

KEYS = {"page", "at", "files", "columns", "rows"}
FILES = ("interactions", "valid", "test", "items", "images", "image_features", "text_features", "feature_ids")
OPTIONAL = ("images", "image_features", "text_features", "feature_ids")  # taken where they lie with the others
TABLES = ("interactions", "valid", "test", "items")  # what can be downloaded
ROWS = ("min_rating", "keep", "k_core")
OF_COLUMNS = (*COLUMNS, "id", "text", "columns", "item_columns", "time_format", "category_sign")
PLACE = "{category}"  # in file names, for --category-name


def apply_source(args: argparse.Namespace) -> None:
    """Fill in what the source called `args.source` says of files, columns and rows, where the user said nothing.

    Raises:
        ConfigError: there is no such source, its YAML says something else, or its files are not there.
    """
    known = known_yamls("source")
    if args.source not in known:
        raise ConfigError(
            f"--source {args.source}: is unknown{nearest(args.source, known)} Known: {', '.join(known)}. Your own: a "
            "file in ./mmrec_configs/source/."
        )
    source = _read(known[args.source])
    for kind, names in _with_category(source["files"], args).items():
        if getattr(args, kind) is None and (found := _place(kind, names, source, args)):
            setattr(args, kind, found if kind in TABLES else Path(found))
    for meaning, column in source.get("columns", {}).items():
        name = "items_id" if meaning == "id" else meaning
        if getattr(args, name) is None:
            setattr(args, name, column)
    for name, value in source.get("rows", {}).items():
        if not getattr(args, name):
            setattr(args, name, (value, value) if name == "k_core" else value)


def _read(path: Path) -> dict[str, Any]:
    source = read_mapping(path)
    allowed = {"files": FILES, "columns": OF_COLUMNS, "rows": ROWS}
    unknown = [*(source.keys() - KEYS)]
    for key, names in allowed.items():
        unknown += [f"{key}.{name}" for name in source.get(key) or {} if name not in names]
    if unknown or not isinstance(source.get("files"), dict) or "interactions" not in source["files"]:
        said = f"does not know {', '.join(sorted(unknown))}" if unknown else "needs files: {interactions: NAME}"
        raise ConfigError(f"{path}: a source {said}. Keys are {', '.join(sorted(KEYS))}; files {', '.join(FILES)}.")
    return source


def _with_category(files: Mapping[str, Any], args: argparse.Namespace) -> dict[str, list[str]]:
    """Kind of file -> the names that it may have, with the category in its place."""
    named = {kind: [names] if isinstance(names, str) else list(names) for kind, names in files.items()}
    if any(PLACE in name for names in named.values() for name in names):
        if not args.category_name:
            examples = ", ".join(name for names in named.values() for name in names[:1])
            raise ConfigError(
                f"--source {args.source}: has several data sets. Say which with --category-name NAME, as it stands in "
                f"the names of its files: {examples}."
            )
        return {kind: [name.replace(PLACE, args.category_name) for name in names] for kind, names in named.items()}
    return named


def _place(kind: str, names: Sequence[str], source: Mapping[str, Any], args: argparse.Namespace) -> str | None:
    """Where a file is: in the folder of --files, or its address; None for one that may be left out."""
    if args.files is not None:
        found = next(filter(None, (_in_folder(args.files, name) for name in names)), None)
        if found is None and kind not in OPTIONAL:
            raise ConfigError(f"--files {args.files}: holds no {' or '.join(names)} ({kind} of {args.source}).")
        return None if found is None else str(found)
    if kind in OPTIONAL:
        return None
    if not source.get("at"):
        raise ConfigError(
            f"--source {args.source}: cannot be downloaded without you. Get it at {source.get('page')}, and name the "
            "folder with --files FOLDER."
        )
    at = source["at"].replace(PLACE, args.category_name or "").rstrip("/")
    return f"{at}/{names[0]}"


def _in_folder(folder: Path, name: str) -> Path | None:
    """A file or folder by its published name: there, at any depth, unpacked, or in its archive."""
    return next((path for path in _candidates(folder, name) if path.exists()), None) or _in_archive(folder, name)


def _candidates(folder: Path, name: str) -> Iterator[Path]:
    inner = name.partition(".zip/")[2] or name
    for written in (name, inner, Path(inner).name, _unpacked(Path(inner).name)):
        yield folder / written
    for written in (Path(inner).name, _unpacked(Path(inner).name)):
        yield from sorted(folder.rglob(written))


def _in_archive(folder: Path, name: str) -> Path | None:
    archive, zipped, inner = name.partition(".zip/")
    found = sorted(folder.rglob(Path(archive).name + ".zip")) if zipped else []
    return found[0] / inner if found else None


def _unpacked(name: str) -> str:
    return name.removesuffix(".gz").removesuffix(".zip")
