"""Break runs off, resume them, and compare what they end in with an uninterrupted run; with SIGKILL at random moments:

python tests/interrupted_runs.py --kills 20 -- -m FREEDOM -d mini epochs=40
"""

from __future__ import annotations

import argparse
import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import torch

from mmrec_host.training import trainer

ROOT = Path(__file__).parents[1]


class Interrupted(BaseException):
    """Stands for a kill: nobody handles it."""


def interrupt_after(monkeypatch, n_epochs: int) -> None:
    """Break off at the beginning of the epoch after `n_epochs`, counted over all phases and combinations."""
    begun = {"n": 0}
    epoch = trainer.Trainer._epoch

    def counted(self, *args):
        if begun["n"] == n_epochs:
            raise Interrupted
        begun["n"] += 1
        return epoch(self, *args)

    monkeypatch.setattr(trainer.Trainer, "_epoch", counted)


def start(words: list[str], folder: Path, *flags: str) -> subprocess.Popen:
    """The command line in a process of its own; data, cache and runs of a run lie in its own folder."""
    places = [f"data_path={folder}/data", f"cache_path={folder}/cache", f"run_path={folder}/runs"]
    command = [sys.executable, str(ROOT / "main.py"), "-q", *words, *places, "checkpoint_interval=0", *flags]
    one_thread = os.environ | {"OMP_NUM_THREADS": "1"}  # several would wait for each other beside other work
    pipes = {"stdout": subprocess.DEVNULL, "stderr": subprocess.PIPE, "text": True}
    return subprocess.Popen(command, cwd=folder, env=one_thread, **pipes)


def outcome(folder: Path) -> dict[str, Any]:
    """What a run ended in, but for times: best epoch, metrics, each user's metrics, the model's state, each epoch."""
    found: dict[str, Any] = {}
    for run in sorted((folder / "runs").glob("*/*/run.json")):
        info = json.loads(run.read_text())
        if info["status"] != "finished":
            continue
        epochs = [json.loads(line) for line in (run.parent / "epochs.jsonl").read_text().splitlines()]
        with np.load(run.parent / "per_user.npz") as arrays:
            users = {name: arrays[name] for name in arrays.files}
        found[info["label"], info["seed"]] = {
            "best": info["best"],
            "test": info["test"],
            "users": users,
            "state": torch.load(run.parent / "checkpoint.pt", weights_only=True)["state"],
            "epochs": {(e["phase"], e["epoch"]): (e["loss"], e.get("valid")) for e in epochs},
        }
    return found


def differences(a: Any, b: Any, at: str = "") -> list[str]:
    """Where two outcomes are not equal bit for bit."""
    if isinstance(a, dict) and isinstance(b, dict):
        return [d for k in {**a, **b} for d in differences(a.get(k), b.get(k), f"{at}/{k}")]
    if isinstance(a, torch.Tensor) and isinstance(b, torch.Tensor):
        a, b = (x.to_dense() if x.is_sparse else x for x in (a, b))
        return [] if torch.equal(a, b) else [at]
    if isinstance(a, np.ndarray) and isinstance(b, np.ndarray):
        return [] if np.array_equal(a, b) else [at]
    return [] if type(a) is type(b) and a == b else [at]


def finish(process: subprocess.Popen) -> None:
    _, errors = process.communicate()
    if process.returncode:
        raise RuntimeError(f"{' '.join(process.args)}\n{errors}")


def kill_and_resume(words: list[str], n_kills: int, seed: int = 0) -> tuple[int, list[str]]:
    """Kill until `n_kills` have struck, beginning a new run whenever one has ended.

    Args:
        words: of the command line.

    Returns:
        Number of runs that ended, and where they differ from the uninterrupted one.
    """
    rng = random.Random(seed)
    wrong: list[str] = []
    with tempfile.TemporaryDirectory() as place:
        whole = Path(place) / "whole"
        whole.mkdir()
        began = time.monotonic()
        finish(start(words, whole))
        duration = time.monotonic() - began
        expected = outcome(whole)
        if not expected:
            raise RuntimeError("the uninterrupted run left no finished record")
        n_struck = n_ended = 0
        while n_struck < n_kills:
            folder = Path(place) / f"run{n_ended}"
            folder.mkdir()
            while True:
                process = start(words, folder, "--resume")
                if n_struck < n_kills:
                    try:
                        process.wait(rng.uniform(0, duration))
                    except subprocess.TimeoutExpired:
                        process.send_signal(signal.SIGKILL)
                        process.communicate()
                        n_struck += 1
                        continue
                finish(process)
                break
            n_ended += 1
            wrong += [f"run {n_ended}{d}" for d in differences(expected, outcome(folder))]
    return n_ended, wrong


def main() -> int:
    """Do what the arguments say and print what came out."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("words", nargs=argparse.REMAINDER, metavar="-- -m MODEL -d DATASET …")
    args = parser.parse_args()
    n_ended, wrong = kill_and_resume(args.words[args.words[:1] == ["--"] :], args.kills, args.seed)
    print(f"{args.kills} kills, {n_ended} resumed runs ended, {len(wrong)} differences from the uninterrupted run")
    print("\n".join(wrong[:20]))
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
