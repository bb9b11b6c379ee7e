"""Blocks as one HTML page that needs nothing else."""

from __future__ import annotations

import base64
import re
from collections.abc import Sequence
from pathlib import Path

from mmrec_host.reporting.cells import Cell, Column, Table
from mmrec_host.reporting.values import mark, plain, title

from .blocks import Block, Bullets, Code, Heading, Paragraph, Picture
from .frame import fill_frame
from .markup import Markup, tag
from .summary_section import data_table

MIME = {".svg": "image/svg+xml", ".png": "image/png"}


def as_html(name: str, blocks: Sequence[Block], folder: Path, command: str) -> str:
    """The whole page, with the pictures that lie in `folder`; `command` made it."""
    parts = {_anchor(block.text): block.text for block in blocks if isinstance(block, Heading) and block.level == 2}
    body = Markup("\n".join(_written(block, folder) for block in blocks))
    return fill_frame(name, parts, body, command)


def _written(block: Block, folder: Path) -> Markup:
    match block:
        case Heading():
            return tag("h2", block.text, id=_anchor(block.text)) if block.level == 2 else tag("h3", block.text)
        case Paragraph():
            return tag("p", block.text)
        case Bullets():
            return tag("ul", [tag("li", text) for text in block.texts])
        case Code():
            return tag("pre", tag("code", block.text))
        case Picture():
            file = folder / block.file
            data = base64.b64encode(file.read_bytes()).decode()
            return tag("img", src=f"data:{MIME[file.suffix]};base64,{data}", alt=block.shows, class_="drawn")
        case Table():
            head = [title(column) for column in block.columns]
            rows = [[_cell(*each) for each in zip(row, block.columns, strict=True)] for row in block.rows]
            return Markup(data_table(block.caption, head, rows) + "".join(tag("p", note) for note in block.notes))


def _cell(cell: Cell, column: Column) -> str | Markup:
    text = plain(cell, column)
    return Markup(tag("strong", text) + mark(cell)) if cell.best else text + mark(cell)


def _anchor(text: str) -> str:
    return re.sub(r"[^\w]+", "-", text.lower()).strip("-")
