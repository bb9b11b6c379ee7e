"""ItemKNN: items like those that the user took, by who took them."""

from __future__ import annotations

from typing import Any

import numpy as np
import scipy.sparse as sp
import torch
from torch import Tensor

from .base import MODELS, Recommender


@MODELS.register("ItemKNN")
class ItemKNN(Recommender):
    """ItemKNN: the summed similarities of an item to those that the user took (Deshpande and Karypis, TOIS 2004).

    The similarity is the cosine of the items' columns of users, shrunk where few took both: c_ij / (√(c_i c_j) + h).
    Each taken item counts for the `n_neighbours` items that are most like it. Nothing is trained.
    """

    def __init__(self, config: Any, dataloader: Any) -> None:
        super().__init__(config, dataloader)
        self.taken = dataloader.inter_matrix("csr").astype(bool).astype(np.float32)
        self.similarities = item_similarities(self.taken, config["n_neighbours"], config["shrinkage"])

    def prepare_evaluation(self) -> None:
        """Nothing: similarities are computed at construction."""

    def score_users(self, users: Tensor, out: Tensor | None = None) -> Tensor:
        """Scores [len(users), n_items] of all items."""
        scores = torch.from_numpy((self.taken[users.cpu().numpy()] @ self.similarities).toarray()).to(users.device)
        return scores if out is None else out.copy_(scores)

    def pair_scores(self, users: Tensor, items: Tensor) -> Tensor:
        """The scores [len(users), len(items)] of some users and items."""
        return self.score_users(users)[:, items]


def item_similarities(taken: sp.csr_matrix, n_neighbours: int, shrinkage: float) -> sp.csr_matrix:
    """A row an item: its similarity to the `n_neighbours` items most like it, itself not among them.

    Args:
        taken: ones where a user took an item, [n_users, n_items].
        shrinkage: h; 0 is the plain cosine.
    """
    both = (taken.T @ taken).tocoo()  # of a catalogue's pairs only those that somebody took together
    counts = np.asarray(taken.sum(0)).ravel()
    others = both.row != both.col
    rows, columns, common = both.row[others], both.col[others], both.data[others]
    values = common / (np.sqrt(counts[rows] * counts[columns]) + shrinkage)
    order = np.lexsort((columns, -values, rows))  # ties by the item's number
    rows, columns, values = rows[order], columns[order], values[order]
    first = np.searchsorted(rows, np.arange(taken.shape[1]))
    kept = np.arange(len(rows)) - first[rows] < n_neighbours
    shape = (taken.shape[1], taken.shape[1])
    return sp.csr_matrix((values[kept].astype(np.float32), (rows[kept], columns[kept])), shape=shape)
