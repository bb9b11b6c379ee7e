"""The training loader: MMRec's second constructor argument of every model."""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from typing import Any

import numpy as np
import scipy.sparse as sp
import torch
from torch import Tensor

from .features import Features
from .sampling import NegativeSampler


def epoch_generator(seed: int, phase: str, epoch: int) -> np.random.Generator:
    """The generator of one epoch's data draws: resuming at an epoch needs no generator state."""
    return np.random.default_rng([seed, zlib.crc32(phase.encode()), epoch])


class TrainLoader:
    """Batches of training interactions.

    A batch is one int64 tensor: rows user, positive item, negative item [3, batch], or without the negatives [2,
    batch] when `use_neg_sampling` is false.

    Args:
        users, items: training pairs, int64 [n_train], in file order.
        features: what models find as `v_feat` and `t_feat`.
    """

    def __init__(
        self, config: Any, users: np.ndarray, items: np.ndarray, n_users: int, n_items: int, features: Features
    ):
        self.config, self.features = config, features
        self.users, self.items = users, items
        self.n_users, self.n_items = n_users, n_items
        self.dataset = self  # MMRec's models reach `dataloader.dataset.get_user_num()`
        self.batch_size: int = config["train_batch_size"]
        self.sampler = NegativeSampler(users, items, n_items)

    def get_user_num(self) -> int:
        """Number of users."""
        return self.n_users

    def get_item_num(self) -> int:
        """Number of items."""
        return self.n_items

    def __len__(self) -> int:
        return -(-len(self.users) // self.batch_size)

    def inter_matrix(self, form: str = "coo") -> sp.coo_matrix | sp.csr_matrix:
        """Training interactions as a matrix [n_users, n_items] of float64 ones; repeated pairs stay apart in coo."""
        ones = np.ones(len(self.users))
        pairs = (self.users.astype(np.int32), self.items.astype(np.int32))
        matrix = sp.coo_matrix((ones, pairs), shape=(self.n_users, self.n_items))
        if form not in ("coo", "csr"):
            raise NotImplementedError(f"inter_matrix knows the forms coo and csr, not {form!r}")
        return matrix if form == "coo" else matrix.tocsr()

    def epoch(self, epoch: int, phase: str = "train") -> Iterator[Tensor]:
        """Batches of one epoch: all pairs in random order, with fresh negatives."""
        rng = epoch_generator(self.config["seed"], phase, epoch)
        order = rng.permutation(len(self.users))
        rows = [self.users[order], self.items[order]]
        if self.config["use_neg_sampling"] is not False:
            rows.append(self.sampler.draw(rows[0], rng))
        table = torch.from_numpy(np.stack(rows)).to(self.config["device"])
        for start in range(0, len(order), self.batch_size):
            yield table[:, start : start + self.batch_size].contiguous()
