"""A table as aligned text."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import zip_longest

from .cells import Cell, Column, Table
from .layout import GAP, INDENT, Strip, columns, side_by_side, wrap
from .values import mark, plain, title

STAR = "*"
BOLD = "\033[1m{}\033[0m"


def as_text(table: Table, width: int, bold: bool) -> str:
    """Caption, columns and notes, no line wider than `width`.

    Args:
        bold: the best are set in bold by terminal codes, rather than followed by a star.
    """
    star = "" if bold else STAR
    strips = [_strip(column, [row[n] for row in table.rows], star) for n, column in enumerate(table.columns)]
    blocks = [_block(strips, widths, table.rows, bold) for widths in side_by_side(strips, width)]
    any_best = any(cell.best for row in table.rows for cell in row)
    legend = [f"{STAR}: best of its column."] if star and any_best else []
    caption, *notes = ["\n".join(wrap(text, width)) for text in (table.caption, *legend, *table.notes)]
    return "\n".join([caption, "\n\n".join(blocks), *notes])


def _strip(column: Column, cells: Sequence[Cell], star: str) -> Strip:
    """Marks have places of their own behind the figures."""
    marks = [mark(cell, star) for cell in cells]
    room = max(map(len, marks), default=0)
    texts = [plain(cell, column) + behind.ljust(room) for cell, behind in zip(cells, marks, strict=True)]
    return Strip(title(column), texts, column.kind == "text", room)


def _block(strips: Sequence[Strip], widths: Mapping[int, int], rows: Sequence[Sequence[Cell]], bold: bool) -> str:
    """The columns that `widths` names, between rules."""
    heads = [
        [line + " " * strips[n].room for line in wrap(strips[n].title, width - strips[n].room)]
        for n, width in widths.items()
    ]
    height = max(map(len, heads))
    printed = [([[""] * (height - len(head)) + head for head in heads], [False] * len(heads))]
    for number, row in enumerate(rows):
        cells = [wrap(strips[n].texts[number], width, INDENT) for n, width in widths.items()]
        printed.append((cells, [bold and row[n].best for n in widths]))
    head, *body = [_row(cells, [strips[n] for n in widths], list(widths.values()), bolds) for cells, bolds in printed]
    rule = "-" * (sum(widths.values()) + GAP * (len(widths) - 1))
    return "\n".join([rule, head, rule, *body, rule])


def _row(cells: Sequence[list[str]], strips: Sequence[Strip], widths: Sequence[int], bolds: Sequence[bool]) -> str:
    """Lines of cells of several lines: texts flush left, figures flush right."""
    lines = []
    for texts in zip_longest(*cells, fillvalue=""):
        printed = []
        for text, strip, width, bold in zip(texts, strips, widths, bolds, strict=True):
            space = " " * (width - columns(text))
            padded = text + space if strip.flows else space + text
            printed.append(BOLD.format(padded) if bold and text else padded)
        lines.append((" " * GAP).join(printed).rstrip())
    return "\n".join(lines)
