"""Fixtures of all tests: a small raw dataset whose pictures and texts tell the clusters that users buy in."""

from __future__ import annotations

import os
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
    return {
        **{"data_path": str(raw_data), "run_path": str(tmp_path / "runs"), "cache_path": str(tmp_path / "cache")},
        **{"encoder": "tiny", "epochs": 3, "embedding_size": 16, "train_batch_size": 128, "topk": [5, 10, 20]},
        **{"device": "cpu", "progress": False},
    }
