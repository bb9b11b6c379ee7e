"""A results table as aligned text, Markdown, LaTeX or CSV."""

from __future__ import annotations

import csv
import io
import re
import sys
import textwrap
from typing import Any

from ..errors import ConfigError
from . import FORMATS
from .marks import DAGGER
from .tables import Cell, Column, Table

TITLES = {"model": "Model", "seeds": "Seeds", "trainable": "Trainable", "time": "Time"}


def render(table: Table, format: str, bold: bool | None = None) -> str:
    """`table` in one of FORMATS, without a newline at the end.

    Args:
        bold: in text, whether the best are set in bold by terminal codes rather than followed by `*`; by default,
            whether standard output is a terminal.
    """
    if format == "text":
        return _text(table, sys.stdout.isatty() if bold is None else bold)
    if format == "md":
        return _markdown(table)
    if format == "tex":
        return _latex(table)
    if format == "csv":
        return _csv(table)
    raise ConfigError(f"format {format!r}: must be one of {', '.join(FORMATS)}")


def _text(table: Table, bold: bool) -> str:
    star = "" if bold else "*"
    columns = []
    for number, column in enumerate(table.columns):
        texts = _padded(column, [row[number] for row in table.rows], star)
        columns.append(texts if number else [text.strip().ljust(len(text)) for text in texts])
    width = sum(len(texts[0]) for texts in columns) + 2 * (len(columns) - 1)
    header, *body = [list(texts) for texts in zip(*columns, strict=True)]
    if bold:
        for texts, cells in zip(body, table.rows, strict=True):
            texts[:] = [f"\033[1m{t}\033[0m" if cell.best else t for t, cell in zip(texts, cells, strict=True)]
    rule = "-" * width
    lines = [rule, *("  ".join(texts).rstrip() for texts in (header, [rule], *body)), rule]
    legend = ["*: best of its column."] if star and any(cell.best for row in table.rows for cell in row) else []
    caption, *notes = [textwrap.fill(text, max(width, 80)) for text in (table.caption, *legend, *table.notes)]
    return "\n".join([caption, *lines, *notes])


def _padded(column: Column, cells: list[Cell], star: str) -> list[str]:
    """Title and cells, equally wide, flush right; marks have places of their own behind the figures."""
    marks = [_mark(cell, star) for cell in cells]
    room = max(map(len, marks), default=0)
    texts = [_plain(cell, column) + mark.ljust(room) for cell, mark in zip(cells, marks, strict=True)]
    texts = [_title(column) + " " * room, *texts]
    width = max(map(len, texts))
    return [text.rjust(width) for text in texts]


def _markdown(table: Table) -> str:
    def line(texts: list[str]) -> str:
        return f"| {' | '.join(texts)} |"

    lines = [line([_title(column) for column in table.columns])]
    lines.append(line(["---"] + ["---:"] * (len(table.columns) - 1)))
    for row in table.rows:
        texts = []
        for cell, column in _pairs(table, row):
            text = re.sub(r"([\\|*_])", r"\\\1", _plain(cell, column))
            texts.append((f"**{text}**" if cell.best else text) + _mark(cell))
        lines.append(line(texts))
    return "\n\n".join([table.caption, "\n".join(lines), *table.notes])


def _latex(table: Table) -> str:
    lines = []
    for row in table.rows:
        texts = []
        for cell, column in _pairs(table, row):
            text = _escape_latex(_plain(cell, column))
            texts.append((rf"\textbf{{{text}}}" if cell.best else text) + _escape_latex(_mark(cell)))
        lines.append(f"{' & '.join(texts)} \\\\")
    header = " & ".join(_escape_latex(_title(column)) for column in table.columns)
    caption = _escape_latex(" ".join([table.caption, *table.notes]))
    return "\n".join(
        [
            r"\begin{table}",
            r"\centering",
            rf"\caption{{{caption}}}",
            rf"\begin{{tabular}}{{l{'r' * (len(table.columns) - 1)}}}",
            r"\hline",
            rf"{header} \\",
            r"\hline",
            *lines,
            r"\hline",
            r"\end{tabular}",
            r"\end{table}",
        ]
    )


def _csv(table: Table) -> str:
    """Values as computed; a metric's and a time's standard deviation in a column of its own."""
    spreads = [any(row[number].spread is not None for row in table.rows) for number in range(len(table.columns))]
    header: list[str] = []
    rows: list[list[Any]] = [[] for _ in table.rows]
    for number, column in enumerate(table.columns):
        header += [column.name, f"{column.name} std"] if spreads[number] else [column.name]
        for out, row in zip(rows, table.rows, strict=True):
            out += [row[number].value, row[number].spread] if spreads[number] else [row[number].value]
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows([header, *rows])
    return text.getvalue().rstrip("\n")


def _pairs(table: Table, row: list[Cell]) -> zip[tuple[Cell, Column]]:
    return zip(row, table.columns, strict=True)


def _title(column: Column) -> str:
    if column.kind == "metric":
        name, at, k = column.name.partition("@")
        return ({"ndcg": "NDCG", "map": "MAP"}.get(name) or name.capitalize()) + at + k
    return TITLES.get(column.name, column.name)


def _mark(cell: Cell, best: str = "") -> str:
    return (best if cell.best else "") + (DAGGER if cell.significant else "")


def _plain(cell: Cell, column: Column) -> str:
    """The cell's value for people to read."""
    if cell.value is None:
        return "–"
    if column.kind == "metric":
        return f"{cell.value:.4f}" + (f" ± {cell.spread:.4f}" if cell.spread is not None else "")
    if column.kind == "parameters":
        return _count(cell.value)
    if column.kind == "seconds":
        return _duration(cell.value)
    if column.kind == "number":
        return f"{cell.value:.0f}" if cell.value == int(cell.value) else f"{cell.value:.4g}"
    return str(cell.value)


def _count(n: int) -> str:
    """1234567 as 1.23 M."""
    for size, unit in ((10**9, "G"), (10**6, "M"), (10**3, "k")):
        if n >= size:
            return f"{n / size:.3g} {unit}"
    return str(n)


def _duration(seconds: float) -> str:
    """Two units at most: 9.5 s, 75 s as 1 m 15 s, 3700 s as 1 h 2 m."""
    if seconds < 60:
        return f"{seconds:.1f} s"
    minutes = round(seconds / 60)
    if minutes < 60:
        return f"{int(seconds) // 60} m {int(seconds) % 60} s"
    return f"{minutes // 60} h {minutes % 60} m"


LATEX = {
    **{c: rf"\{c}" for c in "&%$#_{}"},
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "\\": r"\textbackslash{}",
    "<": "$<$",
    ">": "$>$",
    "±": r"$\pm$",
    "–": "--",
    DAGGER: r"$^{\dagger}$",
}


def _escape_latex(text: str) -> str:
    return re.sub("|".join(map(re.escape, LATEX)), lambda match: LATEX[match[0]], text)
