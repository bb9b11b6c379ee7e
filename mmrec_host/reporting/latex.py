r"""A table in LaTeX, no wider than the text of the paper; needs the packages array, booktabs and graphicx."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from .cells import DAGGER, Cell, Column, Table
from .layout import Strip, pieces, side_by_side, wrap
from .values import mark, plain, title

WIDTH = 86  # characters of half an em, in \small, of the 101 in the 469 pt of article's text: some are wider
CHARACTER = 0.5  # em
FIT = r"\resizebox{\ifdim\width>\textwidth\textwidth\else\width\fi}{!}{%"  # smaller where the text is narrower
WORD = 0.9  # of the width of its column, from which on a word may break
LATEX = {
    **{c: rf"\{c}" for c in "&%$#_{}"},
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "\\": r"\textbackslash{}",
    "|": r"\textbar{}",
    "<": "$<$",
    ">": "$>$",
    "±": r"$\pm$",
    "–": "--",
    DAGGER: r"$^{\dagger}$",
}


def as_latex(table: Table) -> str:
    """A float over both columns of a paper, or over the one; long names wrap, and columns too many go on below."""
    strips = []
    for number, column in enumerate(table.columns):
        texts = [plain(row[number], column).replace(" ± ", "±") + mark(row[number]) for row in table.rows]
        strips.append(Strip(title(column), texts, column.kind == "text"))
    notes = [rf"\par\smallskip\raggedright\footnotesize {_escape(' '.join(table.notes))}"] if table.notes else []
    tabulars = [_tabular(table, strips, widths) for widths in side_by_side(strips, WIDTH)]
    return "\n".join(
        [
            r"\begin{table*}  % \usepackage{array,booktabs,graphicx}",
            r"\centering\small\setlength{\tabcolsep}{4pt}",
            rf"\caption{{{_escape(table.caption)}}}",
            "\n\n\\medskip\n".join(tabulars),
            *notes,
            r"\end{table*}",
        ]
    )


def _tabular(table: Table, strips: Sequence[Strip], widths: Mapping[int, int]) -> str:
    alignment = "".join(_alignment(strips[n], width) for n, width in widths.items())
    heads = [_head(strips[n], width) for n, width in widths.items()]
    rows = [[_cell(row[n], table.columns[n], strips[n], width) for n, width in widths.items()] for row in table.rows]
    return "\n".join(
        [
            FIT,
            rf"\begin{{tabular}}{{{alignment}}}",
            r"\toprule",
            rf"{' & '.join(heads)} \\",
            r"\midrule",
            *(rf"{' & '.join(cells)} \\" for cells in rows),
            r"\bottomrule",
            r"\end{tabular}}",
        ]
    )


def _alignment(strip: Strip, width: int) -> str:
    if width < strip.most and strip.flows:
        return rf">{{\raggedright\arraybackslash}}p{{{CHARACTER * width:.1f}em}}"
    return "l" if strip.flows else "r"


def _head(strip: Strip, width: int) -> str:
    lines, side = [_escape(line) for line in wrap(strip.title, width)], "l" if strip.flows else "r"
    return lines[0] if len(lines) == 1 else rf"\shortstack[{side}]{{" + r"\\".join(lines) + "}"


def _cell(cell: Cell, column: Column, strip: Strip, width: int) -> str:
    """The value; where its column wraps, a word that is too long may break."""
    limit = int(WORD * width) if width < strip.most else width
    words = [pieces(word, limit) for word in plain(cell, column).split(" ")]
    text = " ".join(r"\allowbreak ".join(map(_escape, word)) for word in words)
    return (rf"\textbf{{{text}}}" if cell.best else text) + _escape(mark(cell))


def _escape(text: str) -> str:
    return re.sub("|".join(map(re.escape, LATEX)), lambda match: LATEX[match[0]], text)
