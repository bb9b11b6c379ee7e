"""SIGKILL at seeded random moments: the same command again ends as if nothing had happened, bit for bit.

`pytest tests/kills -m slow` kills fifty times; `PTMREC_KILLS=200:7` says how many, and the seed.
"""

from __future__ import annotations

import csv
import hashlib
import json
import os
import random
import shutil
import signal
import time
from collections import Counter
from pathlib import Path
from typing import Any

import psutil
import pytest
from forked_commands import fork_server, run_command
from interrupted_runs import differences, outcome
from raw_dataset import N_ITEMS, write_dataset

from feature_cache import Store

FEW, MANY = 8, 50
SMALL = ["encoder=tiny", "embedding_size=8", "train_batch_size=64", "topk=[5]", "valid_metric=Recall@5", "device=cpu"]
TRAIN = ["-q", "-d", "toy", *SMALL, "checkpoint_interval=0", "learning_rate=0.01", "--resume"]
COMMANDS = {
    "both stages, teachers, cache": [
        *TRAIN,
        "-m",
        "PTMRec",
        "epochs=3",
        "stage2_epochs=3",
        "stage2_eval_step=1",
        "pool_size=16",
        "kt_teacher=[base,FREEDOM]",
    ],
    "training": [*TRAIN, "-m", "VBPR", "epochs=8"],
    "search": [*TRAIN, "-m", "BPR", "epochs=2", "--search"],
    "encode": ["encode", "-q", "-d", "toy", "encoder=tiny", "device=cpu", "encode_batch_size=2"],
    "export": ["export", "features", "-q", "-d", "toy", "--to", "out", "--force", "encoder=tiny", "device=cpu"],
    "prepare": [
        "prepare",
        "-q",
        "shop",
        "--interactions",
        "orders.csv",
        "--items",
        "products.csv",
        "--images",
        "pictures",
        "--k-core",
        "1",
    ],
    "table": ["table", "-d", "toy", "--output", "table.md", "--force"],
}


@pytest.fixture(scope="module")
def forks():
    """A server that has imported everything, and forks a process for each command."""
    return fork_server()


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory, forks: Any) -> Path:
    """Data to train on, tables to prepare, and finished runs for a table."""
    folder = tmp_path_factory.mktemp("kills")
    write_dataset(folder / "data")
    shutil.copytree(folder / "data" / "toy" / "images", folder / "pictures")
    rng = random.Random(0)
    orders = [(f"u{u}", f"{i}", 1000 + n) for u in range(20) for n, i in enumerate(rng.sample(range(N_ITEMS), 8))]
    for name, header, rows in (
        ("orders.csv", ("user", "item", "timestamp"), orders),
        ("products.csv", ("item", "title", "image"), [(f"{i}", f"thing {i}", f"{i}.png") for i in range(N_ITEMS)]),
    ):
        with (folder / name).open("w", newline="") as file:
            csv.writer(file).writerows([header, *rows])
    process = start(forks, folder, [*TRAIN, "-m", "BPR", "epochs=2"])
    process.join()
    assert process.exitcode == 0, (folder / "said.txt").read_text()
    return folder


def start(forks: Any, folder: Path, words: list[str]) -> Any:
    process = forks.Process(target=run_command, args=(str(folder), words))
    process.start()
    return process


def left(name: str, folder: Path) -> dict[str, Any]:
    """What the command leaves, but for times."""
    if name == "encode":
        entries = Store(folder / "cache" / "toy").scan(b"array")
        Store(folder / "cache" / "toy").close()
        return {key.decode(): hashlib.sha256(value).hexdigest() for key, value in entries}
    if name == "search":
        found = next((folder / "runs" / "searches").glob("*/*/run.json"))
        tried = json.loads(found.read_text())["combinations"]
        return {str(one["values"]): (one["score"], one["valid"], one["epoch"]) for one in tried}
    if name in ("export", "prepare", "table"):
        places = {"export": ["out"], "prepare": ["data/shop"], "table": ["table.md"]}[name]
        files = [file for place in places for file in [folder / place, *(folder / place).rglob("*")] if file.is_file()]
        here = str(folder).encode()  # in a report of a preparation
        return {
            file.relative_to(folder).as_posix(): hashlib.sha256(file.read_bytes().replace(here, b"")).hexdigest()
            for file in files
            if file.parent.name != "images.lmdb"  # whose pages lie as its transactions came
        } | {f"image {i}": v for i, v in enumerate(gathered(folder))}
    return outcome(folder)


def gathered(folder: Path) -> list[str]:
    """Digests of what `prepare` has gathered."""
    store = Store(folder / "data" / "shop" / "images.lmdb")
    entries = store.scan(b"") if (store.path / "data.mdb").exists() else []
    store.close()
    return sorted(hashlib.sha256(value).hexdigest() for key, value in entries if key.startswith(b"image/"))


def kill_often(n: int, seed: int, world: Path, tmp_path: Path, forks: Any) -> tuple[Counter, list[str]]:
    """Command and outcome -> how often; and what was wrong.

    Each command is struck in turn, and then run again to its end.
    """
    rng, found, wrong = random.Random(seed), Counter(), []
    whole: dict[str, tuple[float, dict[str, Any]]] = {}
    for number in range(n):
        name = list(COMMANDS)[number % len(COMMANDS)]
        words = COMMANDS[name]
        if name not in whole:
            folder = tmp_path / f"whole {name}"
            shutil.copytree(world, folder)
            began = time.monotonic()
            process = start(forks, folder, words)
            process.join()
            assert process.exitcode == 0, (folder / "said.txt").read_text()
            whole[name] = time.monotonic() - began, left(name, folder)
            assert whole[name][1], f"{name} left nothing to compare"
        duration, expected = whole[name]
        folder = tmp_path / f"{number}"
        shutil.copytree(world, folder)
        process = start(forks, folder, words)
        process.join(rng.uniform(0, duration))
        struck = process.is_alive()
        if struck:
            os.kill(process.pid, signal.SIGKILL)
        process.join()
        again = start(forks, folder, words)
        again.join()
        said = (folder / "said.txt").read_text(errors="replace")
        problems = differences(expected, left(name, folder)) if again.exitcode == 0 else [f"exit code {again.exitcode}"]
        if "Traceback" in said or "this is a bug" in said:
            problems.append("says a bug")
        if litter := [
            str(file) for file in folder.rglob("*.tmp") if "runs" not in file.parts or not file.name.startswith(".")
        ]:
            problems.append(f"litter {litter[:2]}")
        found[name, "wrong" if problems else "right" if struck else "too late"] += 1
        if problems:
            wrong.append(f"{number} {name}: {'; '.join(problems[:5])}\n{said[-1500:]}")
        shutil.rmtree(folder)
    return found, wrong


def report(n: int, seed: int, world: Path, tmp_path: Path, forks: Any, capsys: pytest.CaptureFixture[str]) -> None:
    before = set(psutil.Process().children(recursive=True))
    found, wrong = kill_often(n, seed, world, tmp_path, forks)
    with capsys.disabled():
        print()
        for name in COMMANDS:
            counts = ", ".join(f"{found[name, o]} {o}" for o in ("right", "wrong", "too late") if found[name, o])
            print(f"{name:<30} {counts}")
    assert not wrong, "\n\n".join(wrong)
    assert set(psutil.Process().children(recursive=True)) <= before
    assert sum(count for (_, outcome), count in found.items() if outcome == "right") >= n // 2


def test_killed_at_a_random_moment_and_run_again_ends_bit_equal(world, tmp_path, forks, capsys):
    report(FEW, 0, world, tmp_path, forks, capsys)


@pytest.mark.slow
def test_fifty_kills(world, tmp_path, forks, capsys):
    n, _, seed = os.environ.get("PTMREC_KILLS", f"{MANY}:1").partition(":")
    report(int(n), int(seed or 1), world, tmp_path, forks, capsys)
