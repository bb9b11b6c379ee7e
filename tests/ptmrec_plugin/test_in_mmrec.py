"""PTMRec in a real MMRec checkout, which MMREC_HOME names: git clone https://github.com/enoche/MMRec"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from mmrec_checkout import HOME, needs_mmrec
from PIL import Image

from dataset_makers.mmrec_layout import inter_file, items_jsonl
from mmrec_host.runs.record import find_runs

pytestmark = needs_mmrec
ROOT = Path(__file__).parents[2]
N_USERS, N_ITEMS = 30, 60  # MMRec's largest topk is 50
QUICK = """
encoder: tiny
learning_rate: 0.01
stage1_epochs: 1
stage2_epochs: 8
recommender_lr_scale: 1.0
"""


def make_dataset(folder: Path) -> None:
    """Interactions, images and texts in the folder of MMRec's `baby`, which its own .gitignore lists.

    Users buy among the items of their quarter, which a few epochs learn. With what MMRec treats in its own way: a user
    without training rows, and a pair that occurs twice.
    """
    rng = np.random.default_rng(0)
    rows = []
    for user in range(N_USERS):
        for place, item in enumerate(rng.choice(np.arange(user % 4, N_ITEMS, 4), 9, replace=False)):
            rows.append((user, int(item), 5.0, place, 0 if place < 6 else 1 if place < 7 else 2))
    rows += [rows[8], (N_USERS, 0, 5.0, 0, 1), (N_USERS, 1, 5.0, 1, 2)]
    (folder / "images").mkdir(parents=True)
    (folder / "baby.inter").write_bytes(inter_file(rows))
    for item in range(N_ITEMS):
        Image.fromarray(rng.integers(0, 256, (8, 8, 3), dtype=np.uint8)).save(folder / f"images/{item}.png")
    items = ({"title": f"thing {i}", "text": f"thing number {i}"} for i in range(N_ITEMS))
    (folder / "items.jsonl").write_bytes(items_jsonl(items))


@pytest.fixture(scope="module")
def checkout(tmp_path_factory: pytest.TempPathFactory) -> Path:
    pytest.importorskip("pandas")
    home = tmp_path_factory.mktemp("mmrec") / "MMRec"
    subprocess.run(["git", "clone", "--quiet", str(HOME), str(home)], check=True)
    make_dataset(home / "data/baby")
    return home


def ptmrec(*arguments: str) -> str:
    """Everything that the command line prints."""
    command = [sys.executable, str(ROOT / "main.py"), *arguments]
    done = subprocess.run(command, capture_output=True, text=True, env=os.environ | {"OMP_NUM_THREADS": "1"})
    assert done.returncode == 0, done.stderr[-4000:]
    return done.stdout + done.stderr


def run_mmrec(home: Path, model: str) -> str:
    return ptmrec("run-mmrec", "--mmrec-home", str(home), "--", "-m", model, "-d", "baby")


def status(home: Path) -> str:
    return subprocess.run(["git", "status", "--porcelain"], cwd=home, check=True, capture_output=True, text=True).stdout


def results(log: str) -> list[str]:
    """Every line of metrics, of all epochs, without its time of day."""
    return re.findall(r"recall@.*", log)


def test_install_run_uninstall(checkout: Path) -> None:
    assert status(checkout) == ""
    own_before = results(run_mmrec(checkout, "BPR"))
    ptmrec("install", "--mmrec-home", str(checkout))
    settings = checkout / "src/configs/model/PTMRec.yaml"
    settings.write_text(re.sub(r"(?m)^encoder:.*\n", "", settings.read_text()) + QUICK)
    assert len(status(checkout).splitlines()) == 2

    log = run_mmrec(checkout, "PTMRec")
    found = find_runs(checkout / "src/log/ptmrec/runs", "baby")
    (record,) = (run for run in found if run.info["model"] == "PTMRec")
    printed = re.search(r"BEST █+.*?Valid: ([^\n]*).*?Test: ([^\n]*)", log, re.DOTALL)
    for line, ours in zip(printed.groups(), (record.info["best"]["valid"], record.info["test"])):
        mmrec = {name: float(value) for name, value in re.findall(r"(\w+@\d+): ([\d.]+)", line)}
        assert mmrec == pytest.approx(ours, abs=5.1e-5)
    (log_file,) = (checkout / "src/log").glob("PTMRec-baby-*.log")
    assert record.info["best"]["phase"] == "stage2"  # so that the scores compared above are a tuned model's
    said = log_file.read_text()  # stage 1 is a run of the base
    assert all(f"{phase}: best recall@20" in said for phase in ("train", "stage2"))

    for base in ("mmrec:FREEDOM", "mmrec:BM3", "VBPR"):  # theirs, and this project's
        settings.write_text(re.sub(r"(?m)^base:.*\n", f"base: {base}\n", settings.read_text()))
        assert "Test: recall@5" in run_mmrec(checkout, "PTMRec")
        runs = find_runs(checkout / "src/log/ptmrec/runs", "baby")
        newest = [run for run in runs if run.info["model"] == "PTMRec"][-1]
        assert f"base: {base}\n" in (newest.path / "config.yaml").read_text() and newest.info["status"] == "finished"
        assert {line["phase"] for line in newest.epochs()} == {"stage1", "stage2"}

    assert results(run_mmrec(checkout, "BPR")) == own_before != []
    ptmrec("uninstall", "--mmrec-home", str(checkout), "--runs")
    assert status(checkout) == "" and not (checkout / "src/log/ptmrec").exists()
