"""The page over all runs on a dataset: who leads, what is significant, how they learned, where settings differ."""

from __future__ import annotations

import html
import re
from pathlib import Path

import numpy as np
import pytest

from mmrec_host.cli.main import main
from mmrec_host.reporting.rows import rows_of
from mmrec_host.runs.record import find_runs
from run_tools.leaderboard.differences import differences
from run_tools.leaderboard.page import write_leaderboard
from tests.finished_runs import begun_run, finished_run

METRIC = "recall@20"


@pytest.fixture
def runs(tmp_path: Path):
    """Good is above Same for all users, by other amounts; Same and Twin are equal; Half never finished."""
    values = np.linspace(0.2, 0.4, 60)
    finished_run(tmp_path, "Same", {METRIC: values}, learning_rate=0.1)
    finished_run(tmp_path, "Good", {METRIC: values + np.linspace(0.05, 0.1, 60)}, learning_rate=0.2)
    finished_run(tmp_path, "Twin", {METRIC: values}, learning_rate=0.1)
    begun_run(tmp_path, "Half")
    return find_runs(tmp_path, "toys")


def test_differences_are_of_the_row_less_the_column_and_tested(runs):
    (table,) = differences(rows_of([run for run in runs if run.info["status"] == "finished"]), METRIC)
    assert [row[0].value for row in table.rows] == ["1. Same", "2. Good", "3. Twin"]
    assert [[cell.value for cell in row[1:]] for row in table.rows] == [
        [None, "−0.0750†", "+0.0000"],
        ["+0.0750†", None, "+0.0750†"],
        ["+0.0000", "−0.0750†", None],
    ]
    assert "over 3 pairs" in table.notes[0]


def test_other_users_are_not_compared(tmp_path):
    for label, users in (("A", [0, 1, 2]), ("B", [0, 1, 3])):
        finished_run(tmp_path, label, {METRIC: np.ones(3)}, users=np.array(users))
    (said,) = differences(rows_of(find_runs(tmp_path, "toys")), METRIC)
    assert "same users" in said.text


def test_the_page_has_the_best_first_and_what_differs_and_needs_nothing_else(runs):
    page = write_leaderboard("toys", runs)
    leaderboard = page[page.index('id="leaderboard"') : page.index('id="differences"')]
    assert list(dict.fromkeys(re.findall("Good|Same|Twin", leaderboard))) == ["Good", "Same", "Twin"]
    settings = html.unescape(page[page.index('id="settings-that-differ"') :])
    assert "learning_rate" in settings and "valid_metric" not in settings.partition('id="runs"')[0]
    assert page.count("data:image/svg+xml") == 2  # curves, and gain against time
    assert "1 running" in page or "1 interrupted" in page
    assert "<script" not in page and not re.search(r'(src|href)="http', page)


def test_a_label_that_is_markup_is_text(tmp_path):
    finished_run(tmp_path, "<b>x</b>", {METRIC: np.ones(3)})
    assert "<b>x" not in write_leaderboard("toys", find_runs(tmp_path, "toys"))


def test_the_command_writes_it_and_says_what_is_missing(tmp_path, runs, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert main(["show", "-d", "toys", "--runs", str(tmp_path), "--output", "all.html"]) == 0
    assert "Leaderboard" in Path("all.html").read_text()
    for words, message in (
        (["-d", "none"], "no finished run on 'none'"),
        ([], "say --run RUN, once or twice, or -d NAME"),
        (["-d", "toys", "--run", "last"], "say --run RUN"),
    ):
        assert main(["show", *words, "--runs", str(tmp_path), "--output", "other.html"]) == 2
        assert message in capsys.readouterr().err
    assert not Path("other.html").exists()
