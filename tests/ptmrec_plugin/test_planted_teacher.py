"""Planted teachers: one that knows what no feature shows, and one that knows nothing."""

from __future__ import annotations

import logging

import numpy as np
import pytest
import torch

from dataset_makers.mmrec_layout import inter_file
from mmrec_host.models.base import MODELS, Recommender
from mmrec_host.quick_start import quick_start

N_USERS, N_ITEMS, N_COMMUNITIES = 160, 120, 8


class Told(Recommender):
    """Scores by vectors that it is told and never trains."""

    defaults = {"req_training": False}

    def __init__(self, config, dataloader) -> None:
        super().__init__(config, dataloader)
        self.users, self.items = (torch.nn.Parameter(x, requires_grad=False) for x in self.vectors())

    def representations(self):
        return self.users, self.items


@MODELS.register("Oracle")
class Oracle(Told):
    """Knows the hidden community of each user and item."""

    def vectors(self):
        return (torch.eye(N_COMMUNITIES)[torch.arange(n) % N_COMMUNITIES] for n in (N_USERS, N_ITEMS))


@MODELS.register("Noise")
class Noise(Told):
    """Knows nothing."""

    def vectors(self):
        generator = torch.Generator().manual_seed(0)
        return (torch.randn(n, 16, generator=generator) for n in (N_USERS, N_ITEMS))


@pytest.fixture(scope="module")
def keys(tmp_path_factory) -> dict[str, object]:
    """Users take items of their hidden community, and some others; the features are a number of noise each."""
    home = tmp_path_factory.mktemp("planted")
    folder = home / "data" / "hidden"
    folder.mkdir(parents=True)
    rng = np.random.default_rng(0)
    rows = []
    for user in range(N_USERS):
        same = np.arange(N_ITEMS) % N_COMMUNITIES == user % N_COMMUNITIES
        own, others = rng.permutation(np.flatnonzero(same))[:11], rng.permutation(np.flatnonzero(~same))[:3]
        labels = [1, 1, 2, 2, *[0] * 7]
        rows += [(user, int(item), 1.0, 0, label) for item, label in zip(own, labels)]
        rows += [(user, int(item), 1.0, 0, 0) for item in others]
    (folder / "hidden.inter").write_bytes(inter_file(rows))
    for name in ("image_feat.npy", "text_feat.npy"):
        np.save(folder / name, rng.normal(size=(N_ITEMS, 1)).astype(np.float32))
    places = {f"{name}_path": str(home / name) for name in ("data", "run", "cache")}
    fixed = {"features": "files", "device": "cpu", "progress": False, "topk": [10], "valid_metric": "Recall@10"}
    stage2 = {"mode": "frozen_kt", "pool_size": 60, "stage2_epochs": 30, "recommender_lr_scale": 1.0}
    base = {"epochs": 60, "embedding_size": 16, "learning_rate": 0.01, "train_batch_size": 256}
    return {**places, **fixed, **stage2, **base}


def recall(keys: dict[str, object], **changes: object) -> float:
    return quick_start("PTMRec", "hidden", {**keys, **changes}).test["recall@10"]


def test_a_teacher_that_knows_more_lifts_the_base_through_its_whole_score_more_than_through_its_features(keys):
    alone = max(recall(keys, mode=mode) for mode in ("frozen", "frozen_continued"))
    taught = recall(keys, kt_teacher=["Oracle"])
    by_features = recall(keys, kt_teacher=["Oracle"], kt_student="modality")
    assert alone < 0.8 and taught > 0.95
    assert taught - alone > 2 * (by_features - alone)


def test_a_teacher_that_knows_nothing_does_no_harm(keys, caplog):
    with caplog.at_level(logging.WARNING):
        with_noise = recall(keys, kt_teacher=["base", "Noise"])
    assert "the teacher Noise is left out" in caplog.text
    assert with_noise == pytest.approx(recall(keys, mode="frozen_continued"), abs=0.005)
