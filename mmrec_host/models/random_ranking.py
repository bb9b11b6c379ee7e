"""Random: what chance gives."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor

from .base import MODELS, Recommender

STEP = 0x9E3779B97F4A7C15 - 2**64  # the odd constants of SplitMix64, as int64
MIX = (0xBF58476D1CE4E5B9 - 2**64, 0x94D049BB133111EB - 2**64)
BITS = 24  # what float32 holds exactly


@MODELS.register("Random")
class Random(Recommender):
    """Random: each user's items in an order that is drawn with the seed; what chance gives, nothing is trained.

    A pair's score is a hash of it, SplitMix64 (Steele et al., OOPSLA 2014), so that it is the same in any batch.
    """

    def __init__(self, config: Any, dataloader: Any) -> None:
        super().__init__(config, dataloader)
        self.first = int(np.random.default_rng(int(config["seed"])).integers(2**62))

    def prepare_evaluation(self) -> None:
        """Nothing."""

    def score_users(self, users: Tensor, out: Tensor | None = None) -> Tensor:
        """Scores [len(users), n_items], uniform in [0, 1)."""
        items = torch.arange(self.n_items, device=users.device)
        scores = self._draws(self.first + users[:, None] * self.n_items + items)
        return scores if out is None else out.copy_(scores)

    def pair_scores(self, users: Tensor, items: Tensor) -> Tensor:
        """The scores [len(users), len(items)] of some users and items."""
        return self._draws(self.first + users[:, None] * self.n_items + items)

    @staticmethod
    def _draws(counters: Tensor) -> Tensor:
        z = counters * STEP  # int64 arithmetic wraps around, as the hash's does
        for shift, factor in zip((30, 27), MIX, strict=True):
            z = (z ^ (z >> shift & (1 << 64 - shift) - 1)) * factor
        z = z ^ (z >> 31 & (1 << 33) - 1)
        return (z & (1 << BITS) - 1).float() / (1 << BITS)
