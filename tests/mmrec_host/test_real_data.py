"""Real data sets, where the environment variable PTMREC_TEST_DATA names their folder."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from mmrec_host.config import load_config
from mmrec_host.data.dataset import load_dataset
from mmrec_host.quick_start import quick_start

DATA = Path(os.environ.get("PTMREC_TEST_DATA", "nowhere"))
COUNTS = {  # users, items, train, valid, test
    "baby": (19445, 7050, 118551, 20559, 21682),
    "sports": (35598, 18357, 218409, 37899, 40029),
    "clothing": (39387, 23033, 197338, 40150, 41189),
    "ml-latest-small": (602, 2398, 42818, 5068, 5360),
}


def needs(name: str) -> None:
    if not (DATA / name).is_dir():
        pytest.skip(f"PTMREC_TEST_DATA names no folder with {name}")


@pytest.mark.parametrize("name", COUNTS)
def test_published_counts(name):
    needs(name)
    config = load_config("BPR", name, overrides={"data_path": str(DATA)})
    assert tuple(load_dataset(config).counts().values()) == COUNTS[name]


def test_bpr_learns_on_baby(tmp_path):
    """Six epochs; random ranking has 20 / 7050."""
    needs("baby")
    keys = {"data_path": str(DATA), "run_path": str(tmp_path), "epochs": 6, "progress": False, "device": "cpu"}
    assert quick_start("BPR", "baby", keys).test["recall@20"] > 10 * 20 / 7050
