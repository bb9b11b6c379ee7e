"""`ptmrec study` runs what is missing, goes on, and writes a report that a browser shows."""

from __future__ import annotations

import json
import logging
from pathlib import Path

import pytest
import yaml
from browser import CHROMIUM, Browser
from interrupted_runs import Interrupted, interrupt_after

from run_tools.study.stderr_log import warnings_once

BROKEN = '''
from mmrec_host.models.base import MODELS
from mmrec_host.models.bpr import BPR

@MODELS.register("Broken")
class Broken(BPR):
    """Fails."""

    def calculate_loss(self, interaction):
        raise RuntimeError("out of order")
'''
ROWS = {
    "VBPR": {"model": "VBPR"},
    "frozen_kt": {"model": "PTMRec", "mode": "frozen_kt"},
    "PTMRec": {"model": "PTMRec", "against": ["VBPR"], "control": "frozen_kt"},
}
TUNING = {
    "kt_teacher": ["base"],
    "stage2_epochs": 2,
    "stage2_eval_step": 1,
    "pool_size": 16,
    "tuning_learning_rate": 0.01,
}


@pytest.fixture(scope="module")
def home(toy_in, tmp_path_factory):
    """A folder with the toy data, and the keys that run on it."""
    folder = tmp_path_factory.mktemp("study")
    return folder, {**toy_in(folder), "threads": 1, "learning_rate": 0.01, **TUNING}


def write(folder: Path, keys, name="tiny", rows=ROWS, **said) -> Path:
    file = folder / f"{name}.yaml"
    whole = {"about": "A <b>test</b>.", "datasets": ["toy"], "seeds": 2, "metrics": ["recall@5", "ndcg@20"], **said}
    file.write_text(yaml.safe_dump({**whole, "keys": keys, "rows": rows}, sort_keys=False))
    return file


def plain(keys):
    """Those that every model has."""
    return {key: value for key, value in keys.items() if key not in TUNING}


def numbers(folder: Path, name="tiny"):
    """What does not depend on time: of the rows, their values; comparisons, shares, and gains by popularity."""
    report = json.loads((folder / "studies" / name / "report.json").read_text())
    return [
        ([row["values"] for row in dataset["rows"]], dataset["comparisons"], dataset["shares"], dataset["popularity"])
        for dataset in report["datasets"]
    ]


@pytest.fixture(scope="module")
def done(home):
    """The study, run whole by one process: its file."""
    from mmrec_host.cli.main import main

    folder, keys = home
    file = write(folder, keys)
    assert main(["study", "-q", str(file)]) == 0
    return file


def runs(folder: Path):
    return {file: file.stat().st_mtime_ns for file in (folder / "runs").glob("*/*/run.json")}


def test_the_report_holds_everything(done, home):
    folder = home[0] / "studies" / "tiny"
    report = json.loads((folder / "report.json").read_text())
    (dataset,) = report["datasets"]
    assert dataset["missing"] == [] and [row["seeds"] for row in dataset["rows"]] == [[999, 1000]] * 3
    assert {(p["row"], p["against"]) for p in dataset["popularity"]} == {("PTMRec", "VBPR"), ("PTMRec", "frozen_kt")}
    assert report["environment"]["threads"] == [1] and report["environment"]["cores"]
    text = (folder / "report.md").read_text()
    assert "(gains.svg)" in text and (folder / "gains.svg").is_file()
    assert "ptmrec study tiny.yaml" in text and str(home[0]) not in text


def test_what_has_finished_is_not_run_again(done, home, ptmrec):
    before = runs(home[0])
    code, out, _ = ptmrec("study", done, "--dry-run")
    assert code == 0 and "toy, PTMRec: finished 999, 1000" in out and "6 runs, 6 finished, 0 left" in out
    assert ptmrec("study", done)[0] == 0
    assert runs(home[0]) == before


def test_several_processes_come_to_the_same_and_a_failing_run_stops_no_other(home, ptmrec, tmp_path):
    plugin = tmp_path / "broken.py"
    plugin.write_text(BROKEN)
    rows = {
        "Broken": {"model": "Broken"},
        "BPR": {"model": "BPR"},
        "2": {"model": "BPR", "epochs": 2, "against": "BPR"},
    }
    found = []
    for jobs in (1, 2):
        folder = tmp_path / str(jobs)
        folder.mkdir()
        file = write(folder, {**plain(home[1]), "run_path": str(folder / "runs")}, rows=rows)
        code, out, errors = ptmrec("study", file, "--jobs", jobs, "--plugin", plugin)
        assert code == 1 and "incomplete: 2 of 6 runs are missing" in out
        assert "failed: toy, Broken, seed 999: RuntimeError: out of order" in errors
        text = (folder / "studies" / "tiny" / "report.md").read_text()
        assert "- toy, Broken, seed 999: failed: RuntimeError: out of order" in text
        found.append(numbers(folder))
    assert found[0] == found[1]
    assert 'raise RuntimeError("out of order")' in (tmp_path / "2" / "studies" / "tiny" / "study.log").read_text()


def test_an_interrupted_study_goes_on_and_ends_the_same(done, home, ptmrec, tmp_path, monkeypatch):
    _, keys = home
    own = {"run_path": str(tmp_path / "runs"), "cache_path": str(tmp_path / "cache"), "checkpoint_interval": 0}
    file = write(tmp_path, {**keys, **own})
    with monkeypatch.context() as patch, pytest.raises(Interrupted):
        interrupt_after(patch, 4)
        ptmrec("study", file)
    assert "1 finished, 5 left" in ptmrec("study", file, "--dry-run")[1]
    assert ptmrec("study", file)[0] == 0
    assert numbers(tmp_path) == numbers(home[0])


def test_other_data_are_trained_on_anew(home, ptmrec, tmp_path):
    _, keys = home
    own = {**plain(keys), "run_path": str(tmp_path / "runs")}
    file = write(tmp_path, own, rows={"BPR": {"model": "BPR"}}, seeds=1)
    data = Path(keys["data_path"]) / "toy" / "toy.inter"
    text = data.read_text()
    assert ptmrec("study", file)[0] == 0
    try:
        data.write_text("\n".join(text.splitlines()[:-1]) + "\n")
        assert "0 finished, 1 left" in ptmrec("study", file, "--dry-run")[1]
        assert ptmrec("study", file)[0] == 0
        assert "1 finished, 0 left" in ptmrec("study", file, "--dry-run")[1]
    finally:
        data.write_text(text)


def test_places_that_were_lost_are_ranked_again(done, home, ptmrec):
    before = numbers(home[0])
    for file in (home[0] / "studies" / "tiny" / "places").iterdir():
        file.unlink()
    assert ptmrec("study", done, "--report-only")[0] == 0
    assert numbers(home[0]) == before


def test_stderr_has_what_the_study_says_and_each_warning_of_its_runs_once():
    handler, root = logging.Handler(), logging.getLogger()
    handler.emit = lambda record: said.append(record.getMessage())  # type: ignore[method-assign]
    said: list[str] = []
    root.addHandler(handler)
    try:
        with warnings_once(verbose=False):
            for _ in range(2):
                logging.getLogger("mmrec_host.data").warning("no pictures")
                logging.getLogger("run_tools.study.running").warning("one more")
        logging.getLogger("mmrec_host.data").warning("afterwards")
    finally:
        root.removeHandler(handler)
    assert said == ["no pictures", "one more", "one more", "afterwards"]


@pytest.mark.skipif(CHROMIUM is None, reason="needs chromium or google-chrome")
@pytest.mark.parametrize("width", [1280, 390])
def test_the_page_fits_asks_for_nothing_and_complains_of_nothing(done, home, tmp_path, width):
    page = home[0] / "studies" / "tiny" / "report.html"
    with Browser(tmp_path / "profile") as browser:
        browser.open(page, width)
        assert browser.evaluate("document.documentElement.scrollWidth") <= width
        assert browser.evaluate("[...document.images].every(image => image.naturalWidth > 0)")
        assert browser.evaluate("document.images.length") == 1
        assert browser.evaluate("document.querySelectorAll('b').length") == 0
        assert browser.requests() == [page.resolve().as_uri()]
        assert browser.complaints() == []
