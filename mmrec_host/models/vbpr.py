"""VBPR: BPR whose items also have a projection of their features."""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from .base import MODELS, Recommender
from .losses import bpr_loss, norm_loss
from .modalities import feature_rows, features


@MODELS.register("VBPR")
class VBPR(Recommender):
    """VBPR: a user's vector against an item's own vector and its projected features (He and McAuley, AAAI 2016).

    MMRec's version: all modalities in one projection (text columns first), no item or visual bias, and the
    regularisation on the composed item vector.
    """

    def __init__(self, config: Any, dataloader: Any) -> None:
        super().__init__(config, dataloader)
        self.embedding_size, self.reg_weight = config["embedding_size"], config["reg_weight"]
        self.feature_sizes = {m: x.shape[1] for m, x in features(self).items()}
        self.user_embedding = nn.Embedding(self.n_users, 2 * self.embedding_size)
        self.item_embedding = nn.Embedding(self.n_items, self.embedding_size)
        self.item_linear = nn.Linear(sum(self.feature_sizes.values()), self.embedding_size)
        nn.init.xavier_uniform_(self.user_embedding.weight)
        nn.init.xavier_uniform_(self.item_embedding.weight)
        nn.init.xavier_normal_(self.item_linear.weight)
        nn.init.zeros_(self.item_linear.bias)

    def projections(self) -> dict[str, Tensor]:
        """The projection's columns [embedding_size, d_m] of each modality."""
        columns = self.item_linear.weight.split(list(self.feature_sizes.values()), dim=1)
        return dict(zip(self.feature_sizes, columns, strict=True))

    def item_vectors(self, items: Tensor | None = None) -> Tensor:
        """Composed vectors [len(items), 2 * embedding_size] of the given items, or of all."""
        content: Tensor = self.item_linear.bias
        for modality, weight in self.projections().items():
            content = content + F.linear(feature_rows(self, modality, items), weight)
        ids = self.item_embedding.weight if items is None else self.item_embedding(items)
        return torch.cat((ids, content), dim=-1)

    def representations(self) -> tuple[Tensor, Tensor]:
        """User vectors [n_users, 2 d] and composed item vectors [n_items, 2 d]."""
        return self.user_embedding.weight, self.item_vectors()

    def calculate_loss(self, interaction: Tensor) -> Tensor:
        """BPR, and `reg_weight` times the norms of the batch's user and composed item vectors."""
        items, positions = torch.unique(interaction[1:3], return_inverse=True)  # each item is projected once
        batch = self.user_embedding(interaction[0]), *F.embedding(positions, self.item_vectors(items))
        return bpr_loss(*batch) + self.reg_weight * norm_loss(*batch)

    def modality_scores(self, users: Tensor, z: Tensor, modality: str) -> Tensor:
        """Scores [len(users), k] of the content half of the users' vectors with k feature rows z [k, d_m]."""
        taste = self.user_embedding(users)[:, self.embedding_size :]
        return taste @ F.linear(z, self.projections()[modality]).T

    def item_id_tables(self) -> list[Tensor]:
        """The item embeddings: the id half of the item vectors [n_items, d]."""
        return [self.item_embedding.weight]
