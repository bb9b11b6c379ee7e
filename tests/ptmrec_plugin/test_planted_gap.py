"""The machinery tunes: on a planted domain gap, tuning recovers what the frozen features lost.

Both towers end in a fixed random projection to 8 dimensions, so that frozen features carry little of what taste
depends on. Cold items of the generated dataset, a recommender without item ids, no knowledge transfer (its teacher
would be at chance).
"""

from __future__ import annotations

import numpy as np
import pytest

from mmrec_host.quick_start import quick_start

SEEDS = (1, 2, 3)
KEYS = {
    **{"mini_users": 400, "mini_items": 350, "mini_purchases": [15, 20], "new_items": 0.0},
    **{"mini_community": 2.5, "mini_popularity": 0.3},
    **{"base": "Content", "cold_items": 0.2, "kt_weight": 0.0, "metrics": ["Recall"], "topk": [10]},
    **{"valid_metric": "Recall@10", "learning_rate": 0.005, "epochs": 100, "stopping_step": 40, "progress": False},
    **{"pool_size": 32, "recommender_lr_scale": 1.0, "tuning_learning_rate": 0.005, "adapt": ["q", "v", "mlp", "conv"]},
    **{"stage2_epochs": 24, "stage2_eval_step": 4, "stage2_patience": 10, "save_model": False},
}
RUNS = {
    "ungapped": {"mode": "frozen"},
    "frozen": {"mode": "frozen", "planted_gap": 8},
    "frozen_continued": {"mode": "frozen_continued", "planted_gap": 8},
    "two_stage": {"mode": "two_stage", "planted_gap": 8},
}


@pytest.fixture(scope="module")
def recalls(tmp_path_factory) -> dict[str, np.ndarray]:
    """Test Recall@10 on cold items, one value a seed."""
    home = tmp_path_factory.mktemp("planted")
    folders = {f"{key}_path": str(home / key) for key in ("data", "run", "cache")}

    def recall(keys: dict, seed: int) -> float:
        return quick_start("PTMRec", "mini", {**KEYS, **folders, **keys, "seed": seed}).test["recall@10"]

    return {name: np.array([recall(keys, seed) for seed in SEEDS]) for name, keys in RUNS.items()}


def test_the_planted_gap_is_one(recalls):
    assert (recalls["ungapped"] - recalls["frozen"] > 0.08).all()


def test_tuning_recovers_it_and_more_training_alone_does_not(recalls):
    gap = recalls["ungapped"] - recalls["frozen"]
    tuned = (recalls["two_stage"] - recalls["frozen"]) / gap
    continued = (recalls["frozen_continued"] - recalls["frozen"]) / gap
    assert tuned.mean() >= 0.3 and (tuned > 0).all()
    assert continued.mean() < 0.1
