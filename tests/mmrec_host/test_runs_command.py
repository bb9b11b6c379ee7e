"""`ptmrec runs`, and `last` as a name of the run that finished last."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from mmrec_host.cli.run_argument import find_run
from mmrec_host.errors import DataError
from mmrec_host.runs.record import RunRecord
from tests.finished_runs import begun_run, created_run, finished_run

VALUES = {"recall@20": np.array([0.25, 0.5])}


def test_runs_are_listed_in_the_order_in_which_they_ended(tmp_path: Path, ptmrec) -> None:
    outer = begun_run(tmp_path, "PTMRec", seed=3)
    inner = finished_run(tmp_path, "VBPR", VALUES, seed=7)
    created_run(tmp_path, "BPR", "other").fail(ValueError("no such thing\nin two lines"))
    outer.fail(KeyboardInterrupt())
    code, out, _ = ptmrec("runs", "--runs", tmp_path)
    lines = out.splitlines()
    assert code == 0 and len(lines) == 6
    assert "finished" in lines[0] and "recall@20 0.3750" in lines[0] and lines[0].endswith("seed 7  toys: VBPR")
    assert "failed" in lines[2] and lines[2].endswith("other: BPR  (ValueError: no such thing)")
    assert "seed 3  toys: PTMRec" in lines[4]
    assert [line.strip() for line in lines[1::4]] == [str(inner.path), str(outer.path)]
    assert ptmrec("runs", "--runs", tmp_path, "-d", "other")[1].count("seed") == 1


def test_no_runs_is_an_error_that_says_where_it_looked(tmp_path: Path, ptmrec) -> None:
    code, _, err = ptmrec("runs", "--runs", tmp_path, "-d", "toys")
    assert code == 2 and str(tmp_path) in err and "'toys'" in err


def test_last_is_the_run_that_finished_last(tmp_path: Path) -> None:
    outer = begun_run(tmp_path, "PTMRec")
    first, second = (finished_run(tmp_path, name, VALUES, seconds=1.0) for name in ("VBPR", "BPR"))
    outer.fail(ValueError())
    assert find_run("last", tmp_path) == second.path
    for record, began, seconds in (
        (first, "2026-01-01T10:00:00+00:00", 7200),
        (second, "2026-01-01T11:00:00+00:00", 60),
    ):
        info = {**record.info, "started": began, "seconds": {"total": seconds}}
        info.pop("ended")  # as older versions wrote it
        (record.path / "run.json").write_text(json.dumps(info))
    assert find_run("last", tmp_path) == first.path


def test_last_without_a_finished_run_is_an_error(tmp_path: Path) -> None:
    begun_run(tmp_path, "BPR")
    with pytest.raises(DataError, match="no run has finished"):
        find_run("last", tmp_path)


def test_a_run_whose_process_is_gone_reads_interrupted(tmp_path: Path, ptmrec) -> None:
    alive = begun_run(tmp_path, "BPR", seed=1)
    assert "running" in ptmrec("runs", "--runs", tmp_path)[1]
    alive._close()  # what the end of a process does: the lock is gone
    killed = RunRecord.load(alive.path)
    assert killed.status == "interrupted" and killed.info["status"] == "running"
    assert "interrupted" in ptmrec("runs", "--runs", tmp_path)[1]
    code, _, said = ptmrec("recommend", "--run", alive.path, "--user", "1")
    assert code == 2 and "this is interrupted, no finished run" in said
