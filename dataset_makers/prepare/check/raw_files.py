"""Files that a dataset can be made of: what each is, whose they are, and the command that makes it."""

from __future__ import annotations

import re
import shlex
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from feature_cache.raw_folder import SUFFIXES
from mmrec_host.config_layers import known_yamls
from mmrec_host.errors import UserError
from mmrec_host.yaml_values import read_mapping

from ..faults import Faults
from ..interactions_table import parts_beside
from ..named_sources import PLACE
from ..tables.columns import guesses, holds_text
from ..tables.containers import members
from ..tables.positions import interaction_columns
from ..tables.rows import Table, open_table
from .finding import Finding

MOST_TABLES = 30  # files that are looked into
NO_TABLES = (".npy", ".npz", ".pt", ".pth", ".pdf", ".md", ".html", ".lmdb", ".mdb", ".yaml", ".mp4", ".tar")


def check_files(folder: Path) -> Finding:
    """What the files of a folder are, and the command that makes a dataset of them."""
    finding = Finding(f"{folder}: files that a dataset can be made of")
    files = [file for file in sorted(folder.rglob("*")) if file.is_file() and not file.name.startswith(".")]
    pictures = [file for file in files if file.suffix.lower() in SUFFIXES]
    others = [member for file in files for member in members(file)]
    tables = [file for file in others if file.suffix.lower() not in (*NO_TABLES, *SUFFIXES)]
    found: dict[str, list[Path]] = {"interactions": [], "items": []}
    for file in tables[:MOST_TABLES]:
        kind, said = _what(file)
        finding.holds.append(f"{file.relative_to(folder)}: {said}")
        if kind:
            found[kind].append(file)
    if pictures:
        places = Counter(file.relative_to(folder).parts[0] for file in pictures)
        finding.holds.append(f"{len(pictures):,} pictures, such as {pictures[0].relative_to(folder)}")
        common = folder / places.most_common(1)[0][0]
        found["images"] = [common if common.is_dir() else folder]
    for source, category in _sources(folder, files):
        named = f" --category-name {category}" if category else ""
        finding.runs.append(f"ptmrec prepare NAME --source {source}{named} --files {shlex.quote(str(folder))}")
    if found["interactions"]:
        finding.runs.append(_command(found))
    else:
        finding.what = f"{folder}: no dataset, and nothing that one can be made of"
        finding.wrong.append(
            "no file has rows with a user and an item. Name its columns: --user COLUMN, --item COLUMN."
        )
    return finding


def _command(found: dict[str, list[Path]]) -> str:
    """The command that makes a dataset of interactions, of a split in several files if they are one."""
    logs = found["interactions"]
    train = next((log for log in logs if parts_beside(log)), logs[0])
    beside = parts_beside(train)
    words: list[str | Path] = ["ptmrec", "prepare", "NAME", "--interactions", train]
    words += ["--valid", beside[0]] if len(beside) > 1 else []
    words += ["--test", beside[-1]] if beside else []
    for kind in ("items", "images"):
        words += [f"--{kind}", found[kind][0]] if found.get(kind) else []
    return shlex.join(map(str, words))


def _what(file: Path) -> tuple[str | None, str]:
    """What a file is for, if anything, and what is said of it."""
    faults = Faults()
    try:
        table = open_table(file, faults)
    except UserError as error:
        return None, str(error).removeprefix(f"{file}: ")
    kind = _kind(table)
    columns = ", ".join(table.columns[:8]) + (", …" if len(table.columns) > 8 else "")
    said = f"{kind or 'a table'} ({'no header' if table.headless else columns})"
    return kind, said + (f"; {faults.listed()[2:]}" if faults.total else "")


def _kind(table: Table) -> str | None:
    if table.headless:
        try:
            told = interaction_columns(table)
        except UserError:
            return None
        words = [str(row.get(told["item"]) or "") for row in table.first]
        return (
            "items" if len(told) == 2 and any(re.search(r"[A-Za-z]{3,} ", word) for word in words) else "interactions"
        )
    if guesses(table.columns, "user") and guesses(table.columns, "item"):
        return "interactions"
    named = guesses(table.columns, "id") and any(map(holds_text, table.columns))
    return "items" if named else None


def _sources(folder: Path, files: list[Path]) -> Iterator[tuple[str, str | None]]:
    """The named sources whose files these are, and the category."""
    names = {file.relative_to(folder).as_posix() for file in files}
    for source, path in known_yamls("source").items():
        patterns = read_mapping(path).get("files") or {}
        wanted = [patterns[kind] for kind in ("interactions", "items") if kind in patterns]
        choices = [[one] if isinstance(one, str) else list(one) for one in wanted]
        matches = [_categories(options, names) for options in choices]
        shared = set.intersection(*matches) if matches and len(choices) > 1 else set()
        yield from ((source, category or None) for category in sorted(shared))


def _categories(options: list[str], names: set[str]) -> set[str]:
    """What stands in the category's place where a file is called as a source's; empty text where it has no place."""
    found = set()
    for option in options:
        archive, zipped, inner = option.partition(".zip/")
        for pattern in (archive + ".zip", inner) if zipped else (option, option.removesuffix(".gz")):
            own = pattern if Path(pattern).stem == PLACE else Path(pattern).name  # else the folder says whose it is
            form = re.escape(own).replace(re.escape(PLACE), r"(?P<category>[\w.-]+?)")
            for name in names:
                if match := re.fullmatch(rf"(?:.*/)?{form}", name):
                    found.add(match.groupdict().get("category", ""))
    return found
