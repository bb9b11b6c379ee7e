"""Losses on batches of user, positive and negative vectors [batch, d], as in MMRec."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor


def batch_vectors(user_vectors: Tensor, item_vectors: Tensor, interaction: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Vectors [batch, d] of the users, positive items and negative items in `interaction` [3, batch]."""
    positives, negatives = F.embedding(interaction[1:3], item_vectors)
    return F.embedding(interaction[0], user_vectors), positives, negatives


def bpr_loss(users: Tensor, positives: Tensor, negatives: Tensor, gamma: float = 1e-10) -> Tensor:
    """Mean of `-log(gamma + sigmoid(u.p - u.n))` (Rendle et al., UAI 2009); `gamma` bounds a hopeless pair's loss."""
    margin = (users * (positives - negatives)).sum(-1)
    return -(F.logsigmoid(margin) if gamma == 0 else (gamma + margin.sigmoid()).log()).mean()


def norm_loss(*vectors: Tensor) -> Tensor:
    """Sum of the Frobenius norms (not squared) over the batch size: MMRec's `EmbLoss`."""
    return torch.stack([v.norm() for v in vectors]).sum() / len(vectors[-1])


def squared_loss(*vectors: Tensor) -> Tensor:
    """Half the sum of the squares: MMRec's `L2Loss`."""
    return torch.stack([v.square().sum() for v in vectors]).sum() / 2
