"""Content: items are nothing but their projected features."""

from __future__ import annotations

from functools import reduce
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from .base import MODELS, Recommender
from .losses import bpr_loss, squared_loss
from .modalities import feature_rows, projections, weights


@MODELS.register("Content")
class Content(Recommender):
    """Content: a user's vector against the item's projected image and text features, without item ids.

    Its scores read the features alone, so it ranks items that nobody has bought yet. Each modality has its own
    regularisation: under a common one the modality with more dimensions overfits.
    """

    def __init__(self, config: Any, dataloader: Any) -> None:
        super().__init__(config, dataloader)
        self.reg_weight = config["reg_weight"]
        self.projections = projections(self, config["embedding_size"], bias=False)
        self.reg_weights = {m: config[f"reg_weight_{m}"] for m in self.projections}
        self.user_embedding = nn.Embedding(self.n_users, config["embedding_size"])
        nn.init.xavier_uniform_(self.user_embedding.weight)
        for weight in weights(self.projections).values():
            nn.init.xavier_normal_(weight)

    def project(self, items: Tensor | None = None) -> dict[str, Tensor]:
        """Projected features [len(items), d] of each modality, of the given items or of all."""
        return {m: linear(feature_rows(self, m, items)) for m, linear in self.projections.items()}

    def representations(self) -> tuple[Tensor, Tensor]:
        """User vectors [n_users, d] and the sums of the projected features [n_items, d]."""
        return self.user_embedding.weight, reduce(torch.add, self.project().values())

    def calculate_loss(self, interaction: Tensor) -> Tensor:
        """BPR, and half the squared norm of the batch's user vectors and of each modality's item vectors, per row."""
        items, positions = torch.unique(interaction[1:3], return_inverse=True)  # each item is projected once
        users = self.user_embedding(interaction[0])
        parts = {m: F.embedding(positions, x) for m, x in self.project(items).items()}
        penalty = self.reg_weight * squared_loss(users)
        for modality, x in parts.items():
            penalty = penalty + self.reg_weights[modality] * squared_loss(x)
        positives, negatives = reduce(torch.add, parts.values())
        return bpr_loss(users, positives, negatives) + penalty / len(users)

    def modality_scores(self, users: Tensor, z: Tensor, modality: str) -> Tensor:
        """Scores [len(users), k] of the users' vectors with k projected feature rows z [k, d_m]."""
        return self.user_embedding(users) @ self.projections[modality](z).T
