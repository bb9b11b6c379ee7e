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
    (run,) = (found for (label, _), found in outcome(folder).items() if label.startswith("PTMRec"))
    return run["epochs"]


@pytest.mark.parametrize(
    "words",
    # LATTICE's loss reaches the encoder in the first batch of an epoch only: then nothing is summed, and no step made.
    [["base=FREEDOM"], ["base=LATTICE", "kt_weight=0", "peft=adalora", "reuse_activations=false"]],
    ids=["freedom", "lattice, adalora"],
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
    assert len(list((tmp_path / "two").rglob("PTMRec*/run.json"))) == 1


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


def test_what_fails_in_all_processes_is_their_message(raw_data, tmp_path):
    process = start(tmp_path / "bad", raw_data, 2, "vision_blocks=99")
    _, errors = process.communicate(timeout=120)
    assert process.returncode != 0
    assert "error: vision_blocks=99: must be 0 to 3" in errors


TOGETHER = r"""
import os, sys, torch
from mmrec_host import processes, ranks
from mmrec_host.cli.main import main, report
from mmrec_host.errors import ConfigError

rank = ranks.rank()

def compute():
    if rank == 1 and sys.argv[1] == "fails":
        raise ConfigError("only in the second")
    return 10 + rank

def work():
    assert processes.gather(compute) == [10, 11]
    assert processes.divide(range(5), lambda part: part * part) == [0, 1, 4, 9, 16]
    assert processes.from_main(lambda: rank) == 0
    assert processes.in_any(rank == 1, torch.device("cpu")) and not processes.in_any(False, torch.device("cpu"))
    shared, own, absent = (torch.nn.Parameter(torch.full((2,), float(rank))) for _ in range(3))
    processes.share_parameters([shared])
    assert shared.tolist() == [0.0, 0.0]
    rows = torch.full((2 - rank, 3), rank + 1.0, requires_grad=True)
    whole = processes.gather_rows(rows, [2, 1])
    assert whole[:, 0].tolist() == [1.0, 1.0, 2.0]
    (whole * torch.tensor([[1.0], [2.0], [3.0]])).sum().backward()
    assert rows.grad[:, 0].tolist() == ([1.0, 2.0] if rank == 0 else [3.0])
    shared.grad = torch.ones(2)
    if rank == 1:
        own.grad = torch.full((2,), 5.0)
    processes.sum_gradients([shared, own, absent])
    assert (shared.grad.tolist(), own.grad.tolist(), absent.grad) == ([2.0, 2.0], [5.0, 5.0], None)
    if sys.argv[1] == "lost" and rank == 1:
        os._exit(7)
    processes.gather(lambda: None)
    os.write(1, f"done {rank}\n".encode())

try:
    work()
    code = 0
except Exception as error:
    code = report(error)
ranks.leave(code)
sys.exit(code)
"""


@pytest.mark.parametrize(
    ("what", "said"),
    [
        ("works", ["done 0", "done 1"]),
        ("fails", ["error: only in the second"]),
        ("lost", ["error: another process has ended"]),
    ],
)
def test_what_processes_do_together(what, said, tmp_path):
    """Divide and gather, sum gradients, and end with a message where one fails or is lost."""
    script = tmp_path / "together.py"
    script.write_text(TOGETHER)
    command = [sys.executable, *TORCHRUN, "2", str(script), what]
    done = subprocess.run(
        command, capture_output=True, text=True, timeout=120, env=os.environ | {"PYTHONPATH": str(ROOT)}
    )
    assert (done.returncode == 0) == (what == "works"), done.stderr[-2000:]
    assert all(words in done.stdout + done.stderr for words in said), done.stdout + done.stderr
