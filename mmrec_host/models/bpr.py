"""BPR: matrix factorisation trained on pairs."""

from __future__ import annotations

from typing import Any

from torch import Tensor, nn

from .base import MODELS, Recommender
from .losses import batch_vectors, bpr_loss, norm_loss


@MODELS.register("BPR")
class BPR(Recommender):
    """BPR: a vector for each user and item, trained on pairs of items (Rendle et al., UAI 2009)."""

    def __init__(self, config: Any, dataloader: Any) -> None:
        super().__init__(config, dataloader)
        self.reg_weight = config["reg_weight"]
        self.user_embedding = nn.Embedding(self.n_users, config["embedding_size"])
        self.item_embedding = nn.Embedding(self.n_items, config["embedding_size"])
        nn.init.xavier_normal_(self.user_embedding.weight)
        nn.init.xavier_normal_(self.item_embedding.weight)

    def representations(self) -> tuple[Tensor, Tensor]:
        """User vectors [n_users, d] and item vectors [n_items, d]: the embeddings."""
        return self.user_embedding.weight, self.item_embedding.weight

    def calculate_loss(self, interaction: Tensor) -> Tensor:
        """BPR, and `reg_weight` times the norms of the batch's vectors."""
        batch = batch_vectors(*self.representations(), interaction)
        return bpr_loss(*batch) + self.reg_weight * norm_loss(*batch)

    def item_id_tables(self) -> list[Tensor]:
        """The item embeddings."""
        return [self.item_embedding.weight]
