"""Fixtures of all tests: a small raw dataset, runs on it that were finished once, and the command line."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

if "PYTEST_XDIST_WORKER" in os.environ:  # a thread for each worker: with more, they wait for one another's cores
    os.environ.setdefault("OMP_NUM_THREADS", "1")

from raw_dataset import N_ITEMS, N_USERS, write_dataset

from mmrec_host.cli.main import OUR_PACKAGES, main
from mmrec_host.quick_start import quick_start

os.environ.setdefault("HF_HUB_OFFLINE", "1")

TUNED = {"mode": "joint", "joint_epochs": 2, "pool_size": 16, "tuning_learning_rate": 0.01, "joint_learning_rate": 0.01}
RUNS = {
    "BPR": ("BPR", {}),
    "BPR, cold items": ("BPR", {"cold_items": 0.3, "topk": [2], "valid_metric": "Recall@2"}),
    "VBPR": ("VBPR", {}),
    "ItemKNN": ("ItemKNN", {}),
    "Content": ("Content", {}),
    "FREEDOM": ("FREEDOM", {}),
    "LATTICE": ("LATTICE", {}),
    "tuned": ("PTMRec", TUNED),
    "tuned FREEDOM": ("PTMRec", {**TUNED, "base": "FREEDOM"}),
    "tuned, own variant": ("PTMRec", {**TUNED, "peft": "adapter"}),
    "frozen": ("PTMRec", {"mode": "frozen"}),
}


@pytest.fixture
def raw_data(tmp_path: Path) -> Path:
    """A data folder with the dataset `toy`; returns the data folder."""
    write_dataset(tmp_path / "data")
    return tmp_path / "data"


@pytest.fixture
def toy_keys(raw_data: Path, tmp_path: Path) -> dict[str, object]:
    """Keys that run on `toy` quickly, into the test's own folders."""
    return keys_in(tmp_path)


@pytest.fixture(scope="session")
def toy_in() -> Callable[[Path], dict[str, object]]:
    """Makes `toy` in a folder and gives the keys that run on it, for what several tests share."""

    def make(folder: Path) -> dict[str, object]:
        write_dataset(folder / "data")
        return keys_in(folder)

    return make


def keys_in(folder: Path) -> dict[str, object]:
    """Keys that run quickly on `toy` in `<folder>/data`."""
    paths = {
        f"{name}_path": str(folder / place) for name, place in {"data": "data", "run": "runs", "cache": "cache"}.items()
    }
    return {
        **paths,
        **{"encoder": "tiny", "epochs": 3, "embedding_size": 16, "train_batch_size": 128, "topk": [5, 10, 20]},
        **{"device": "cpu", "progress": False},
    }


@pytest.fixture(scope="session")
def served(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with `data/toy`, whose users are called U0, U1, … and whose items are called 1, 2, …"""
    home = tmp_path_factory.mktemp("served")
    folder = write_dataset(home / "data")
    users, items = [f"U{u}\t{u}" for u in range(N_USERS)], [f"{i + 1}\t{i}" for i in range(N_ITEMS)]
    (folder / "u_id_mapping.csv").write_text("\n".join(["user_id\tuserID", *users]) + "\n")
    (folder / "i_id_mapping.csv").write_text("\n".join(["asin\titemID", *items]) + "\n")
    return home


@pytest.fixture(scope="session")
def finished(served: Path) -> Callable[[str], Path]:
    """The folder of the run of that name in RUNS; trained when it is first asked for."""
    done: dict[str, Path] = {}

    def run(name: str) -> Path:
        if name not in done:
            model, keys = RUNS[name]
            folders = {"data_path": "data", "run_path": "runs", "cache_path": "cache"}
            places = {key: str(served / folder) for key, folder in folders.items()}
            small = {"encoder": "tiny", "epochs": 2, "embedding_size": 16, "train_batch_size": 128}
            common = {"topk": [5, 10, 20], "device": "cpu", "progress": False, "learning_rate": 0.01}
            done[name] = quick_start(model, "toy", {**places, **small, **common, **keys}).record.path
        return done[name]

    return run


@pytest.fixture
def ptmrec(capsys: pytest.CaptureFixture[str]) -> Iterator[Callable[..., tuple[int, str, str]]]:
    """The command line: words -> exit code, and what was printed to stdout and stderr."""

    def call(*words: object) -> tuple[int, str, str]:
        code = main([str(word) for word in words])
        return code, *capsys.readouterr()

    yield call
    root = logging.getLogger()
    root.handlers = [h for h in root.handlers if "Tqdm" not in type(h).__name__]
    for package in OUR_PACKAGES:  # main sets their levels
        logging.getLogger(package).setLevel(logging.NOTSET)
