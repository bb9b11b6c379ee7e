"""Item pools: each item once an epoch, each interaction in its positive's pool."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from mmrec_host.config import load_config
from mmrec_host.data.features import Features
from mmrec_host.data.loader import TrainLoader
from ptmrec_plugin.stage2.pools import make_batches


@pytest.fixture
def loader() -> TrainLoader:
    rng = np.random.default_rng(0)
    users, items = np.nonzero(rng.random((30, 50)) < 0.3)
    keep = items != 49  # an item without training rows
    config = load_config("BPR", "toy").replaced(device=torch.device("cpu"), seed=3)
    return TrainLoader(config, users[keep], items[keep], 30, 50, Features())


def test_pools_partition_the_trained_items_and_the_interactions(loader):
    batches = list(make_batches(loader, "item_pool", 8, 5).epoch(1, "stage2"))
    items = torch.cat([b.items for b in batches])
    assert sorted(items.tolist()) == sorted(set(loader.items.tolist()))
    pairs = torch.cat([b.interactions[:2] for b in batches], 1)
    assert sorted(map(tuple, pairs.T.tolist())) == sorted(zip(loader.users.tolist(), loader.items.tolist()))
    taken = set(zip(loader.users.tolist(), loader.items.tolist()))
    for batch in batches:
        pool = set(batch.items.tolist())
        assert set(batch.interactions[1].tolist()) <= pool and set(batch.interactions[2].tolist()) <= pool
        assert not any((u, n) in taken for u, _, n in batch.interactions.T.tolist())
        assert len(batch.users) <= 5 and len(set(batch.users.tolist())) == len(batch.users)
        assert set(batch.users.tolist()) <= set(batch.interactions[0].tolist())


def test_epochs_differ_and_repeat(loader):
    pools = make_batches(loader, "item_pool", 8, 5)
    one, again, two = (torch.cat([b.interactions for b in pools.epoch(e, "stage2")], 1) for e in (1, 1, 2))
    assert torch.equal(one, again) and not torch.equal(one, two)


def test_a_user_who_took_the_whole_pool_is_left_out():
    users, items = np.array([0, 0, 1, 1, 2]), np.array([0, 1, 0, 2, 1])
    config = load_config("BPR", "toy").replaced(device=torch.device("cpu"), seed=0)
    loader = TrainLoader(config, users, items, 3, 3, Features())
    for epoch in range(1, 12):
        for batch in make_batches(loader, "item_pool", 2, 9).epoch(epoch, "s"):
            counts = np.bincount(batch.interactions[0].numpy(), minlength=3)
            assert (counts < len(batch.items)).all()


def test_interaction_batches_hold_their_items(loader):
    pools = make_batches(loader, "interaction", 8, 5)
    batches = list(pools.epoch(1, "stage2"))
    assert len(batches) == len(pools) == len(loader)
    for batch in batches:
        assert torch.equal(batch.items, torch.unique(batch.interactions[1:]))
