"""Fixtures of all tests: a small raw dataset whose pictures and texts tell the clusters that users buy in."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest
from raw_dataset import write_dataset

os.environ.setdefault("HF_HUB_OFFLINE", "1")


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
