"""The tables of docs/metrics.md are what each library computes; those of the extra `parity` are asked here."""

from __future__ import annotations

import sys
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT / "benchmarks" / "metrics_elsewhere"))
import table  # noqa: E402

TABLES = (ROOT / "docs" / "metrics.md").read_text().partition(table.BEGIN)[2].partition(table.END)[0]
TIED = [n for n, what in enumerate(table.RANKINGS) if "same" in what]


@pytest.fixture(scope="module")
def ours() -> table.Answer:
    return table.ask("ptmrec")


def rows(text: str, name: str) -> list[str]:
    return [line for line in text.splitlines() if line.startswith(f"| {name} ")]


def but_torch_s_ties(row: str, name: str) -> str:
    """Without the cells whose value is the order in which this torch sorts equal scores."""
    if name not in ("ptmrec", "torchmetrics"):
        return row
    cells = row.split("|")
    return "|".join(cell for n, cell in enumerate(cells) if n - 2 not in TIED)


@pytest.mark.parametrize("name", table.TOGETHER)
def test_the_documented_values_are_what_the_library_computes(name: str, ours: table.Answer) -> None:
    title = "this project" if name == "ptmrec" else name
    documented = rows(TABLES, title)
    assert len(documented) == len(table.TITLES)
    if name != "ptmrec":
        try:
            installed = version(name)
        except PackageNotFoundError:
            pytest.skip(f"{name} is not installed (the extra `parity`)")
        if f" {installed} |" not in documented[0]:
            pytest.skip(f"{name} {installed} is another version than the documented one")
    answers = {"ptmrec": ours} | ({} if name == "ptmrec" else {name: table.ask(name)})
    found = rows(table.tables(answers), title)
    assert [but_torch_s_ties(row, name) for row in found] == [but_torch_s_ties(row, name) for row in documented]


def test_the_document_has_a_row_a_library_and_the_rankings_in_words() -> None:
    for name, requirements in table.APART.items():
        assert [row.split(" |")[0] for row in rows(TABLES, name)] == [f"| {requirements[0].replace('==', ' ')}"] * 4
    for what in table.RANKINGS:
        assert f": {what}\n" in TABLES
