"""Two processes, started by torchrun, compute what one computes, and go on after a kill."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from interrupted_runs import ROOT, differences, outcome

# Dropout would be drawn otherwise by each process; a third of the pools has an odd number of items.
KEYS = ["encoder=tiny", "epochs=2", "stage2_epochs=3", "embedding_size=16", "pool_size=17", "encode_batch_size=7"]
KEYS += ["topk=[5,10,20]", "progress=false", "device=cpu", "checkpoint_interval=0", "eval_batch_size=9"]
TORCHRUN = ["-m", "torch.distributed.run", "--standalone", "--nproc_per_node"]


def start(folder: Path, data: Path, n_processes: int, *words: str) -> subprocess.Popen:
    folder.mkdir(exist_ok=True)
    places = [f"data_path={data}", f"run_path={folder}/runs", f"cache_path={folder}/cache"]
    several = [*TORCHRUN, str(n_processes)] if n_processes > 1 else []
    command = [
        sys.executable,
        *several,
        str(ROOT / "main.py"),
        "-q",
        "-m",
        "PTMRec",
        "-d",
        "toy",
        *KEYS,
        *places,
        *words,
    ]
    return subprocess.Popen(
        command,
        env=os.environ | {"OMP_NUM_THREADS": "1"},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,  # so that a test can kill all of them
    )


def finish(folder: Path, data: Path, n_processes: int, *words: str) -> str:
    process = start(folder, data, n_processes, *words)
    out, errors = process.communicate(timeout=300)
    assert process.returncode == 0, errors[-3000:]
    return out


def epochs(folder: Path) -> dict:
    (run,) = outcome(folder).values()
    return run["epochs"]


@pytest.mark.parametrize(
    "words", [["base=FREEDOM"], ["peft=adalora", "reuse_activations=false"]], ids=["freedom", "adalora"]
)
def test_two_processes_equal_one(words, raw_data, tmp_path):
    finish(tmp_path / "one", raw_data, 1, *words)
    out = finish(tmp_path / "two", raw_data, 2, *words)
    one, two = epochs(tmp_path / "one"), epochs(tmp_path / "two")
    assert one.keys() == two.keys()
    for epoch, (losses, valid) in one.items():
        assert two[epoch][0] == pytest.approx(losses, abs=1e-5), epoch
        assert two[epoch][1] == pytest.approx(valid, abs=1e-2), epoch
    assert out.count("recall@10") == 1  # one table
    assert len(list((tmp_path / "two").rglob("run.json"))) == 1


def test_the_cache_is_the_same_whoever_fills_it(raw_data, tmp_path):
    """An encoding that two processes did is read by one, whose numbers are those of its own."""
    finish(tmp_path / "one", raw_data, 1, "mode=frozen")
    finish(tmp_path / "two", raw_data, 2, "mode=frozen")
    (tmp_path / "two" / "runs").rename(tmp_path / "shared")
    finish(tmp_path / "two", raw_data, 1, "mode=frozen")
    assert not differences(outcome(tmp_path / "one"), outcome(tmp_path / "two"))


def test_a_killed_run_of_two_processes_goes_on_bit_equal(raw_data, tmp_path):
    finish(tmp_path / "whole", raw_data, 2)
    process = start(tmp_path / "broken", raw_data, 2, "stage2_epochs=3")
    deadline = time.monotonic() + 120
    while not any("stage2" in file.read_text() for file in (tmp_path / "broken").rglob("epochs.jsonl")):
        assert process.poll() is None and time.monotonic() < deadline
        time.sleep(0.01)
    os.killpg(process.pid, signal.SIGKILL)
    process.communicate()
    finish(tmp_path / "broken", raw_data, 2, "--resume")
    assert not differences(outcome(tmp_path / "whole"), outcome(tmp_path / "broken"))


def test_what_fails_in_one_process_ends_all_with_its_message(raw_data, tmp_path):
    process = start(tmp_path / "bad", raw_data, 2, "vision_blocks=99")
    _, errors = process.communicate(timeout=120)
    assert process.returncode != 0
    assert "error: vision_blocks=99: must be 0 to 3" in errors
