"""A table as aligned text, Markdown, LaTeX or CSV."""

from __future__ import annotations

import csv
import io
import re
import shutil
import sys
from typing import Any

from ..errors import ConfigError
from ..printable import printable, spreadsheet_cell
from . import FORMATS
from .cells import Table
from .latex import as_latex
from .text import as_text
from .values import mark, plain, title

WIDEST, NARROWEST = 100, 60  # columns of text


def render(table: Table, format: str = "text", costs: bool = False, terminal: bool | None = None) -> str:
    """`table` in one of FORMATS, without a newline at the end.

    Text is never wider than 100 columns, or than the terminal that it goes to, if that has 60 or more.

    Args:
        costs: print what the rows cost, too: as a second table, in CSV as more columns.
        terminal: the text goes to a terminal, which can print in bold; by default, whether standard output is one.
    """
    if format not in FORMATS:
        raise ConfigError(f"format {format!r}: must be one of {', '.join(FORMATS)}")
    if format == "csv":
        return _csv(table.flat() if costs else table)
    parts = [table, table.costs] if costs and table.costs is not None else [table]
    if format == "md":
        return printable("\n\n".join(map(_markdown, parts)))
    if format == "tex":
        return printable("\n\n".join(map(as_latex, parts)))
    on_terminal = sys.stdout.isatty() if terminal is None else terminal
    width = min(max(shutil.get_terminal_size().columns, NARROWEST), WIDEST) if on_terminal else WIDEST
    return printable("\n\n".join(as_text(part, width, bold=on_terminal) for part in parts))


def _markdown(table: Table) -> str:
    def line(texts: list[str]) -> str:
        return f"| {' | '.join(texts)} |"

    lines = [line([_escape(title(column)) for column in table.columns])]
    lines.append(line(["---"] + ["---:"] * (len(table.columns) - 1)))
    for row in table.rows:
        texts = []
        for cell, column in zip(row, table.columns, strict=True):
            text = _escape(plain(cell, column))
            texts.append((f"**{text}**" if cell.best else text) + mark(cell))
        lines.append(line(texts))
    return "\n\n".join([table.caption, "\n".join(lines), *table.notes])


def _escape(text: str) -> str:
    return re.sub(r"([\\|*_])", r"\\\1", text)


def _csv(table: Table) -> str:
    """Values as computed; a metric's and a time's standard deviation in a column of its own. No text is a formula."""
    spreads = [any(row[number].spread is not None for row in table.rows) for number in range(len(table.columns))]
    header: list[str] = []
    rows: list[list[Any]] = [[] for _ in table.rows]
    for number, column in enumerate(table.columns):
        header += [column.name, f"{column.name} std"] if spreads[number] else [column.name]
        for out, row in zip(rows, table.rows, strict=True):
            out += [row[number].value, row[number].spread] if spreads[number] else [row[number].value]
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows(map(spreadsheet_cell, row) for row in [header, *rows])
    return text.getvalue().rstrip("\n")
