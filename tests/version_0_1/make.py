"""How `artefacts.tar.xz` was made: with version 0.1, in an environment where it is installed, by

VENV_OF_0.1/bin/python tests/version_0_1/make.py

It holds a `mini` dataset of 16 items, its feature cache, a finished run of PTMRec and one of FREEDOM, what `recommend`
and `export` said of PTMRec's, the same run killed in either stage, and a dataset that `ptmrec prepare` made.
"""

from __future__ import annotations

import csv
import json
import os
import shutil
import signal
import subprocess
import sys
import tarfile
import tempfile
import time
from importlib.metadata import version
from pathlib import Path

import numpy as np
from PIL import Image

ARCHIVE = Path(__file__).with_name("artefacts.tar.xz")
PTMREC = Path(sys.executable).with_name("ptmrec")
SMALL = [
    *["encoder=tiny", "embedding_size=8", "train_batch_size=64", "learning_rate=0.005", "topk=[3,5]"],
    *["valid_metric=NDCG@5", "epochs=3", "checkpoint_interval=0", "progress=false", "device=cpu", "seed=7"],
    *["mini_users=24", "mini_items=16", "mini_purchases=[5,7]"],
]
STAGE2 = ["stage2_epochs=6", "pool_size=8", "peft_r=1", "recommender_lr_scale=5.0", "kt_weight=0.1"]
TWO_STAGE = ["-m", "PTMRec", "-d", "mini", *SMALL, *STAGE2]
FREEDOM = ["-m", "FREEDOM", "-d", "mini", *SMALL, "knn_k=3"]
UNNEEDED = ("curve.png", "log.txt", ".lock", "lock.mdb", "prepare_report.json")
N_USERS, N_ITEMS = 20, 12  # of the prepared dataset


def start(words: list[str]) -> subprocess.Popen[bytes]:
    """Version 0.1's command line, in the current folder, on one thread."""
    one_thread = os.environ | {"OMP_NUM_THREADS": "1", "HF_HUB_OFFLINE": "1"}
    return subprocess.Popen([str(PTMREC), *words], env=one_thread)


def finish(words: list[str]) -> None:
    """Run to the end."""
    if start(words).wait():
        raise SystemExit(f"failed: {' '.join(words)}")


def kill_in(phase: str, words: list[str]) -> None:
    """Begin a run, and kill it as soon as two epochs of a phase have been logged; the second may not be kept yet."""
    folder = Path(f"killed_in_{phase}")
    process = start([*words, f"run_path={folder}"])
    while True:
        logged = [line for file in folder.glob("*/*/epochs.jsonl") for line in file.read_text().splitlines(True)]
        epochs = [json.loads(line) for line in logged if line.endswith("\n")]
        if any(line["phase"] == phase and line["epoch"] == 2 for line in epochs):
            break
        time.sleep(0.002)
    process.send_signal(signal.SIGKILL)
    process.wait()
    (run,) = folder.glob("*/*")
    if json.loads((run / "run.json").read_text())["status"] != "running" or not (run / "resume.pt").is_file():
        raise SystemExit(f"{run}: was not killed in time; try again")


def prepare() -> None:
    """A shop of own tables and pictures, prepared."""
    rng = np.random.default_rng(1)
    Path("source/pictures").mkdir(parents=True)
    with Path("source/orders.csv").open("w", newline="") as file:
        rows = csv.writer(file)
        rows.writerow(["user_id", "item_id", "timestamp"])
        for user in range(N_USERS):
            items = rng.permutation(N_ITEMS)[:6]
            rows.writerows((f"u{user}", f"sku{item}", 1_600_000_000 + n) for n, item in enumerate(items))
    with Path("source/products.csv").open("w", newline="") as file:
        rows = csv.writer(file)
        rows.writerow(["item_id", "title", "description"])
        rows.writerows((f"sku{item}", f"thing {item}", f"thing number {item}") for item in range(N_ITEMS))
    for item in range(N_ITEMS):
        pixels = rng.integers(0, 256, (8, 8, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(f"source/pictures/sku{item}.png")
    tables = ["--interactions", "source/orders.csv", "--items", "source/products.csv", "--images", "source/pictures"]
    finish(["prepare", "shop", *tables])


def main() -> None:
    """Make everything in a temporary folder, then the archive."""
    if not version("ptmrec").startswith("0.1."):
        raise SystemExit(f"this is version {version('ptmrec')}; make the artefacts with 0.1")
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        finish(TWO_STAGE)
        finish(FREEDOM)
        run = next(str(folder) for folder in Path("runs/mini").glob("PTMRec-*"))
        finish(["recommend", "--run", run, "--all-users", "-k", "5", "--output", "recommended.jsonl"])
        finish(["export", "features", "--run", run, "--to", "exported"])
        kill_in("stage1", TWO_STAGE)
        kill_in("stage2", TWO_STAGE)
        prepare()
        shutil.rmtree("source")
        for name in UNNEEDED:
            for file in Path().rglob(name):
                file.unlink()
        with tarfile.open(ARCHIVE, "w:xz", preset=9) as archive:
            for place in sorted(Path().iterdir()):
                archive.add(place)


if __name__ == "__main__":
    main()
