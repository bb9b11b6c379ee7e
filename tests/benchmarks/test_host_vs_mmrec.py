"""The speed benchmark runs from its command line, resumes, and says what it could not measure."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

SCRIPT = Path(__file__).parents[2] / "benchmarks" / "host_vs_mmrec.py"


def bench(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(SCRIPT), "--scale", "tiny", "--features", "16", "8", "--epochs", "1", *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=True)


def test_measures_each_step_and_does_not_measure_it_again(tmp_path: Path) -> None:
    arguments = ["--models", "FREEDOM", "--hosts", "ours", "floor", "--json", str(tmp_path / "kept.json")]
    first = bench(*arguments)
    kept = json.loads((tmp_path / "kept.json").read_text())
    assert set(kept) == {"tiny | FREEDOM | ours", "tiny | FREEDOM | floor"}
    assert {"read data", "construct", "loader", "train epoch", "evaluation", "item graph"} == set(
        kept["tiny | FREEDOM | ours"]["steps"]
    )
    again = bench(*arguments)
    assert "2 cases, 0 to run" in again.stderr
    assert again.stdout == first.stdout != ""


def test_a_case_over_its_time_is_ended_and_named(tmp_path: Path) -> None:
    done = bench("--models", "BPR", "--hosts", "ours", "--limit", "0.5", "--json", str(tmp_path / "kept.json"))
    assert "did not finish in 0.5 s" in done.stderr
    kept = json.loads((tmp_path / "kept.json").read_text())
    assert kept["tiny | BPR | ours"]["stopped"] == "did not finish in 0.5 s"


@pytest.fixture
def datasets(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.syspath_prepend(str(SCRIPT.parent))
    import datasets

    yield datasets
    sys.modules.pop("datasets", None)


def test_generated_interactions_have_the_sizes_that_are_asked_for(datasets) -> None:
    users, items, labels = datasets.generate(300, 200, 3000)
    assert len(np.unique(users * 200 + items)) == len(users) == 3000
    assert np.array_equal(np.unique(users), np.arange(300)) and np.array_equal(np.unique(items), np.arange(200))
    for label in range(3):
        assert len(np.unique(users[labels == label])) == 300
    popularity = np.sort(np.bincount(items))[::-1]
    assert popularity[:20].sum() > 3 * popularity[-20:].sum()
