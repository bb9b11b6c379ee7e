"""What comes from data is shown in a terminal, a log and a spreadsheet, and commands none of them."""

from __future__ import annotations

import csv
import io
import json
import logging
from pathlib import Path

import numpy as np
import pytest

from mmrec_host.log_format import LogFormatter
from mmrec_host.printable import printable, say, spreadsheet_cell
from mmrec_host.reporting.cells import Cell, Column, Table
from mmrec_host.reporting.render import render
from run_tools.named_answers import as_json
from tests.finished_runs import finished_run

CLEARS = "\x1b[2J\x1b]0;title\x07"
SHOWN = "\\x1b[2J\\x1b]0;title\\x07"


def test_control_characters_are_shown_and_all_else_is_as_it_was():
    assert (
        printable(f"mug{CLEARS} \x9b31m \r over \x7f \u202eknil") == f"mug{SHOWN} \\x9b31m \\r over \\x7f \\u202eknil"
    )
    for text in ("a\tb\nc", "Tasse für Tee – 茶杯 🍵", "\033[1mbold\033[0m", "a\\x1b"):
        assert printable(text) == text


def test_what_is_said_and_logged_is_printable(capsys):
    say(f"mug{CLEARS}")
    assert capsys.readouterr().out == f"mug{SHOWN}\n"
    record = logging.LogRecord("x", logging.INFO, "f", 1, "item %s", (CLEARS,), None)
    assert LogFormatter("%(message)s").format(record) == f"item {SHOWN}"


@pytest.mark.parametrize("format", ["text", "md", "tex", "csv"])
def test_a_table_of_any_format_commands_no_terminal(format):
    table = Table(f"of {CLEARS}", [Column("model", "text"), Column("n", "number")], [[Cell(CLEARS), Cell(3)]], [CLEARS])
    text = render(table, format, terminal=False)
    assert "\x1b" not in text and "\x07" not in text and "title" in text


def test_cells_that_a_spreadsheet_would_compute_are_text_and_numbers_stay_numbers():
    texts = ["=1+1", "+cmd", "-x", "@SUM(A1)", "\tx", "\rx", "fine", "a=b", "-0.5", 7, -0.5, None]
    kept = ["'=1+1", "'+cmd", "'-x", "'@SUM(A1)", "'\tx", "'\\rx", "fine", "a=b", "-0.5", 7, -0.5, None]
    assert [spreadsheet_cell(text) for text in texts] == kept
    table = Table("", [Column("model", "text"), Column("=gain", "metric")], [[Cell("=1+1"), Cell(-0.25, 0.5)]])
    rows = list(csv.reader(io.StringIO(render(table, "csv"))))
    assert rows == [["model", "'=gain", "'=gain std"], ["'=1+1", "-0.25", "0.5"]]


def test_a_run_s_label_and_an_error_s_text_are_shown(tmp_path: Path, ptmrec):
    finished_run(tmp_path / "runs", f"=BPR{CLEARS}", {"recall@20": np.array([0.1, 0.2])})
    for format, begins in (("text", "=BPR"), ("csv", "'=BPR")):
        code, out, _ = ptmrec("table", "-d", "toys", "--runs", tmp_path / "runs", "--format", format)
        assert code == 0 and "\x1b" not in out and any(line.startswith(begins) for line in out.splitlines())
    code, _, err = ptmrec("table", "-d", f"x{CLEARS}", "--runs", tmp_path / "runs")
    assert code == 2 and "\x1b" not in err


def test_answers_in_json_stay_json():
    answer = {"title": f"mug{CLEARS}\x9b\u202e", "word": "Tee"}
    line = as_json(answer)
    assert printable(line) == line and json.loads(line) == answer
    assert as_json({"title": "茶杯"}) == '{"title": "茶杯"}'
