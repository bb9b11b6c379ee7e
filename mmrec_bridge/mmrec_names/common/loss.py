"""MMRec's losses as modules, on this host's functions."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from mmrec_host.models.losses import squared_loss


class BPRLoss(nn.Module):
    """Mean of `-log(gamma + sigmoid(positive - negative))` over pairs of scores [n]; a scalar."""

    def __init__(self, gamma: float = 1e-10) -> None:
        super().__init__()
        self.gamma = gamma

    def forward(self, pos_score: Tensor, neg_score: Tensor) -> Tensor:
        """Scores of positive and negative items, of one shape."""
        return -(self.gamma + (pos_score - neg_score).sigmoid()).log().mean()


class EmbLoss(nn.Module):
    """Sum of the tensors' norms (not squared) over the number of rows of the last one; shape [1]."""

    def __init__(self, norm: float = 2) -> None:
        super().__init__()
        self.norm = norm

    def forward(self, *embeddings: Tensor) -> Tensor:
        """Any number of tensors."""
        norms = torch.stack([e.norm(p=self.norm) for e in embeddings])
        return norms.sum().reshape(1) / embeddings[-1].shape[0]


class L2Loss(nn.Module):
    """Half the sum of the squares; shape [1]."""

    def forward(self, *embeddings: Tensor) -> Tensor:
        """Any number of tensors."""
        return squared_loss(*embeddings).reshape(1)
