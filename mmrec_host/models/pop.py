"""Pop: the same ranking for everybody."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor

from .base import MODELS, Recommender


@MODELS.register("Pop")
class Pop(Recommender):
    """Pop: items by how many users took them in training, the same for everybody; nothing is trained."""

    counts: Tensor

    def __init__(self, config: Any, dataloader: Any) -> None:
        super().__init__(config, dataloader)
        pairs = dataloader.inter_matrix("csr").astype(bool)  # a pair that occurs twice counts once
        counts = np.bincount(pairs.indices, minlength=self.n_items)
        self.register_buffer("counts", torch.from_numpy(counts.astype(np.float32)), persistent=False)

    def representations(self) -> tuple[Tensor, Tensor]:
        """Ones [n_users, 1], and the items' numbers of users [n_items, 1]."""
        return self.counts.new_ones(self.n_users, 1), self.counts[:, None]
