"""Item-pool batches: each item is encoded once an epoch."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from mmrec_host.data.loader import TrainLoader, epoch_generator


@dataclass(frozen=True)
class PoolBatch:
    """Interactions whose items are all among `items`.

    Attributes:
        items: int64 [n_pool], distinct, ascending.
        interactions: int64 [3, batch]: user, positive item, negative item; [2, batch] for a recommender that learns
            without negatives.
        users: int64 [n_rows], distinct users for the rows of the knowledge transfer.
    """

    items: Tensor
    interactions: Tensor
    users: Tensor


class ItemPools:
    """Cuts the items that have training rows into random pools; an interaction belongs to the pool of its positive
    item.

    Negatives are drawn from the pool too. A user who took every item of a pool has no negative there and is left out
    of it.

    Args:
        pool_size: items a pool, at most.
        n_rows: at most so many users a batch for the knowledge transfer.
    """

    def __init__(self, loader: TrainLoader, pool_size: int, n_rows: int) -> None:
        self.loader, self.pool_size, self.n_rows = loader, pool_size, n_rows
        self.trained = loader.sampler.pool

    def __len__(self) -> int:
        return -(-len(self.trained) // self.pool_size)

    def epoch(self, epoch: int, phase: str) -> Iterator[PoolBatch]:
        """The batches of one epoch."""
        rng = epoch_generator(self.loader.config["seed"], phase, epoch)
        shuffled = rng.permutation(self.trained)
        edges = np.linspace(0, len(shuffled), len(self) + 1).astype(
            int
        )  # pools of nearly equal size: a remainder of one item would be useless
        pool_of = np.full(self.loader.n_items, -1)
        pool_of[shuffled] = np.repeat(np.arange(len(self)), np.diff(edges))
        rows = rng.permutation(len(self.loader.users))
        rows = rows[np.argsort(pool_of[self.loader.items[rows]], kind="stable")]
        ends = np.cumsum(np.bincount(pool_of[self.loader.items], minlength=len(self)))
        for number, end in enumerate(ends):
            chosen = rows[(ends[number - 1] if number else 0) : end]
            items = np.sort(shuffled[edges[number] : edges[number + 1]])
            users, positives = self._with_negatives(self.loader.users[chosen], self.loader.items[chosen], len(items))
            if len(users) == 0:
                continue
            ids = [users, positives]
            if self.loader.config["use_neg_sampling"] is not False:
                ids.append(self.loader.sampler.draw(users, rng, items))
            yield self._batch(items, np.stack(ids), rng)

    def _with_negatives(self, users: np.ndarray, items: np.ndarray, n_pool: int) -> tuple[np.ndarray, np.ndarray]:
        pairs = np.unique(users * self.loader.n_items + items)
        taken = np.bincount(pairs // self.loader.n_items, minlength=self.loader.n_users)
        keep = taken[users] < n_pool
        return users[keep], items[keep]

    def _batch(self, items: np.ndarray, interactions: np.ndarray, rng: np.random.Generator) -> PoolBatch:
        users = np.unique(interactions[0])
        users = users if len(users) <= self.n_rows else np.sort(rng.choice(users, self.n_rows, replace=False))
        device = self.loader.config["device"]
        return PoolBatch(*(torch.from_numpy(a).to(device) for a in (items, interactions, users)))


class InteractionBatches(ItemPools):
    """MMRec's interaction batches with the items in each; the catalogue is encoded several times an epoch."""

    def __len__(self) -> int:
        return len(self.loader)

    def epoch(self, epoch: int, phase: str) -> Iterator[PoolBatch]:
        """The batches of one epoch."""
        rng = epoch_generator(self.loader.config["seed"], f"{phase} rows", epoch)
        for batch in self.loader.epoch(epoch, phase):
            interactions = batch.cpu().numpy()
            yield self._batch(np.unique(interactions[1:]), interactions, rng)


def make_batches(loader: TrainLoader, batching: str, pool_size: int, n_rows: int) -> ItemPools:
    """The batches that `batching` names: item_pool or interaction."""
    kinds = {"item_pool": ItemPools, "interaction": InteractionBatches}
    return kinds[batching](loader, pool_size, n_rows)
