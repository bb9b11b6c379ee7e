"""Makes the page of every key while the site is built: the comments of the YAML files are its only source."""

from __future__ import annotations

import html
import re
from pathlib import Path

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files

from mmrec_host.key_docs import KeyFile, read_key_file

FOLDER = Path(__file__).parents[1] / "mmrec_configs"
ORDER = ("overall", "model", "dataset", "encoder", "peft")  # of the files
INTRODUCTION = """# Every key

Each key may be given on the command line, as `key=value`, or in a file for `--config`. `ptmrec list keys [MODEL]`
prints the same in a terminal. A file's keys are known where the file is a layer of the run: `overall.yaml` always, the
others where the run names them, as model, dataset, encoder or PEFT variant.
"""


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add `keys.md`."""
    files_of_keys = (path for path in FOLDER.rglob("*.yaml") if _group(path) in ORDER)  # a study has none
    paths = sorted(files_of_keys, key=lambda path: (ORDER.index(_group(path)), path.name.lower()))
    pages = [_section(read_key_file(path, path.relative_to(FOLDER).as_posix())) for path in paths]
    files.append(File.generated(config, "keys.md", content="\n\n".join([INTRODUCTION, *pages])))
    return files


def _group(path: Path) -> str:
    return path.stem if path.parent == FOLDER else path.parent.name


def _section(file: KeyFile) -> str:
    """A heading, what the file is about, and a table for each heading in it."""
    lines = [f"## {file.name}", "", html.escape(file.about)]
    heading = None
    for key in file.keys:
        if key.heading != heading:
            heading = key.heading
            lines += ["", f"**{html.escape(heading)}**"] if heading else []
            lines += ["", "| Key, default, range | Meaning |", "| --- | --- |"]
        set_to = f"<code>{_cell(f'{key.name}: {key.shown}')}</code>"
        lines.append(f"| {set_to}<br>{_cell(key.allowed)} | {_cell(key.about)} |")
    return "\n".join(lines)


def _cell(text: str) -> str:
    """Text as a table's cell shows it, characters of Markdown included; what stands between backticks is code."""
    special = {"|": "&#124;", "*": "&#42;", "_": "&#95;", "`": "&#96;", "[": "&#91;", "]": "&#93;", "\\": "&#92;"}
    shown = "".join(special.get(character, character) for character in html.escape(text, quote=False))
    return re.sub("&#96;(.+?)&#96;", r"<code>\1</code>", shown)
