"""Tables fit their page, whatever stands in them, and lose nothing by it."""

from __future__ import annotations

import re
import shutil
import subprocess
import unicodedata
from pathlib import Path

import pytest

from mmrec_host.reporting.cells import Cell, Column, Table
from mmrec_host.reporting.layout import wrap
from mmrec_host.reporting.render import render

METRICS = [f"{name}@{k}" for name in ("recall", "ndcg", "precision", "map", "averagelengthofalist") for k in (10, 100)]
SHORT = ["VBPR", "LightGCN"]
LONG = [
    "PTMRec encoder=tiny epochs=6 joint_epochs=3 mode=joint peft=adapter tuning_learning_rate=0.0001",
    "PTMRec " + " ".join(f"key_{n}=value" for n in range(30)),
    "PTMRec modalities=[t, v] " + "x" * 130,
    "a=" * 70 + "b",
]
OTHER = ["日本語の商品名" * 12, "line\nbreak\tand  spaces | & % _ $"]


def table(labels: list[str], metrics: list[str], spread: float | None = 0.0123) -> Table:
    """Row r has 0.rc for metric c; the first row is best, significantly by every other metric."""
    rows, costs = [], []
    for r, label in enumerate(labels):
        scores = [
            Cell((100 * (len(labels) - r) + c) / 10_000, spread, best=r == 0, significant=r == 0 and c % 2 == 0)
            for c in range(len(metrics))
        ]
        rows.append([Cell(label), Cell(20), *scores])
        own = [Cell(1000.0 * r + n) for n in range(8)]
        costs.append([Cell(label), Cell(1_234_567), Cell(3725.0), Cell("lora, adapter " * (r % 3) + "side"), *own])
    columns = [Column("model", "text"), Column("seeds", "number"), *(Column(name, "metric") for name in metrics)]
    spent = [Column("model", "text"), Column("trainable", "parameters"), Column("time", "seconds")]
    spent += [Column("peft", "text"), *(Column(f"own cost of tuning {n}", "number") for n in range(8))]
    said = "of an_endless_name_" * 20 + ", ".join(map(str, range(60)))
    return Table(f"toys: {said}.", columns, rows, [f"†: {said}."], Table(f"toys, {said}.", spent, costs))


TABLES = {
    "short": table(SHORT, METRICS[:4]),
    "one seed": table(SHORT + LONG, METRICS[:4], spread=None),
    "long": table(SHORT + LONG, METRICS[:4]),
    "ten metrics": table(SHORT + LONG, METRICS),
    "other letters": table(SHORT + OTHER, METRICS),
}


def taken(line: str) -> int:
    return sum(2 if unicodedata.east_asian_width(c) == "W" else 1 for c in re.sub(r"\033\[\d+m", "", line))


def blocks(text: str) -> list[tuple[str, str]]:
    """Head and rows of each block."""
    found = [re.search(r"^-+\n(.*?)\n-+\n(.*?)\n-+$", part, re.M | re.S) for part in text.split("\n\n")]
    return [match.groups() for match in found if match is not None]


def names_in(rows: str) -> list[str]:
    """The names of the rows, put together from their lines, without spaces."""
    names: list[str] = []
    for line in rows.splitlines():
        if line.startswith("  "):
            names[-1] += line.split("   ")[0].replace(" ", "")
        else:
            names.append(re.split(r"\s{2,}", line)[0].replace(" ", ""))
    return names


@pytest.mark.parametrize("columns", [None, 30, 60, 77, 100, 250])
@pytest.mark.parametrize("name", TABLES)
def test_no_line_of_text_is_wider_than_the_page_and_nothing_is_lost(name, columns, monkeypatch) -> None:
    if columns is not None:
        monkeypatch.setenv("COLUMNS", str(columns))
    shown = TABLES[name]
    text = render(shown, costs=True, terminal=columns is not None)
    assert max(map(taken, text.splitlines())) <= min(max(columns or 100, 60), 100)
    text = re.sub(r"\033\[\d+m", "", text)
    for row in shown.rows:
        for cell in row[2:]:
            assert f"{cell.value:.4f}" + (f" ± {cell.spread:.4f}" if cell.spread else "") in text
    for row in shown.costs.rows:
        assert all(re.search(rf"(?<!\d){cell.value:.0f}(?!\d)", text) for cell in row[4:])
    joined = re.sub(r"\s", "", text)
    for note in (shown.caption, *shown.notes, shown.costs.caption):
        assert re.sub(r"\s", "", note) in joined


@pytest.mark.parametrize("name", TABLES)
def test_every_block_has_every_row_under_its_whole_name(name) -> None:
    shown = TABLES[name]
    printed = blocks(render(shown, terminal=False))
    wanted = [re.sub(r"\s", "", row[0].value) for row in shown.rows]
    for head, rows in printed:
        assert "Model" in head and names_in(rows) == wanted
    heads = re.sub(r"\s", "", "".join(head for head, _ in printed)).lower()
    assert all(column.name in heads for column in shown.columns)


def test_a_table_that_fits_stays_in_one_line_a_row() -> None:
    text = render(TABLES["short"], terminal=False)
    assert len(re.findall("^-+$", text, re.M)) == 3
    assert re.search(r"^VBPR +20 +0\.0200 ± 0\.0123\*† +0\.0201", text, re.M)


def test_long_names_wrap_at_spaces_before_metrics_go_on_below() -> None:
    text = render(table(["PTMRec encoder=tiny epochs=6", "VBPR"], METRICS[:4]), terminal=False)
    ((_, rows),) = blocks(text)
    assert [line.split("   ")[0] for line in rows.splitlines()] == ["PTMRec encoder=tiny", "  epochs=6", "VBPR"]


@pytest.mark.parametrize(
    ("text", "lines"),
    [
        ("", [""]),
        ("as it  is", ["as it  is"]),
        ("one two three", ["one two", "  three"]),
        ("a key_of_mine=5", ["a key_of_m", "  ine=5"]),
        ("learning=0.001", ["learning=", "  0.001"]),
        ("商品名商品名", ["商品名商", "  品名"]),
    ],
)
def test_wrapping_breaks_at_spaces_then_behind_equals_signs_then_anywhere(text: str, lines: list[str]) -> None:
    assert wrap(text, 10, indent=2) == lines


@pytest.mark.parametrize("name", ["short", "one seed", "long", "ten metrics"])
def test_latex_is_no_wider_than_the_text_of_a_paper_in_two_columns(name, tmp_path: Path) -> None:
    if shutil.which("pdflatex") is None:
        pytest.skip("no pdflatex")
    text = render(TABLES[name], "tex", costs=True)
    assert text.count(r"\begin{table*}") == 2
    head = r"\documentclass[10pt,twocolumn]{article}\usepackage{array,booktabs,graphicx}\begin{document}"
    (tmp_path / "paper.tex").write_text(f"{head}\n{text}\n\\end{{document}}\n")
    words = ["pdflatex", "-interaction=nonstopmode", "paper.tex"]
    done = subprocess.run(words, cwd=tmp_path, capture_output=True, text=True)
    log = (tmp_path / "paper.log").read_text(errors="replace")
    assert done.returncode == 0, log
    assert "Overfull" not in log, log
