"""What follows the towers: the planted projection if there is one, then centring and scaling by frozen constants."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

GAP_SEED = 20250220  # fixed: the planted projection belongs to the control, not to a run


@dataclass(frozen=True)
class Transform:
    """From what a tower pools to the features that recommenders read.

    Attributes:
        projection: [d, planted_gap] or None.
        mean: [d_out]; scale: the root of the mean squared norm of the centred frozen features.
    """

    projection: Tensor | None
    mean: Tensor
    scale: Tensor

    def __call__(self, pooled: Tensor) -> Tensor:
        """Features [batch, d_out] from what the tower pools [batch, d]."""
        projected = pooled if self.projection is None else pooled @ self.projection
        return (projected - self.mean) / self.scale

    @classmethod
    def fit(cls, pooled: Tensor, modality: str, config: Any) -> Transform:
        """Constants from the frozen features of all items [n_items, d]."""
        projection = None
        if config["planted_gap"]:
            generator = torch.Generator().manual_seed(GAP_SEED + ord(modality))
            projection = (
                torch.randn(pooled.shape[1], int(config["planted_gap"]), generator=generator) / pooled.shape[1] ** 0.5
            )
            projection = projection.to(pooled)
            pooled = pooled @ projection
        if config["feature_norm"] == "none":
            return cls(projection, pooled.new_zeros(pooled.shape[1]), pooled.new_ones(()))
        mean = pooled.mean(0)
        scale = (pooled - mean).square().sum(1).mean().sqrt().clamp_min(1e-12)
        return cls(projection, mean, scale)
