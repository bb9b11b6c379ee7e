"""LightGCN: embeddings smoothed over the user-item graph."""

from __future__ import annotations

from typing import Any

from torch import Tensor, nn

from ..graphs.bipartite import symmetric_adjacency, training_edges
from ..graphs.propagation import layer_mean
from .base import MODELS, Recommender
from .losses import batch_vectors, bpr_loss, norm_loss


@MODELS.register("LightGCN")
class LightGCN(Recommender):
    """LightGCN: the mean of embeddings propagated over the user-item graph (He et al., SIGIR 2020)."""

    def __init__(self, config: Any, dataloader: Any) -> None:
        super().__init__(config, dataloader)
        self.n_layers, self.reg_weight = config["n_layers"], config["reg_weight"]
        users, items = (ids.to(self.device) for ids in training_edges(dataloader))
        self.graph = symmetric_adjacency(users, items, self.n_users, self.n_items)
        self.user_embedding = nn.Embedding(self.n_users, config["embedding_size"])
        self.item_embedding = nn.Embedding(self.n_items, config["embedding_size"])
        nn.init.xavier_uniform_(self.user_embedding.weight)
        nn.init.xavier_uniform_(self.item_embedding.weight)

    def representations(self) -> tuple[Tensor, Tensor]:
        """Propagated user vectors [n_users, d] and item vectors [n_items, d]."""
        return layer_mean(self.graph, self.n_layers, self.user_embedding.weight, self.item_embedding.weight)

    def calculate_loss(self, interaction: Tensor) -> Tensor:
        """BPR, and `reg_weight` times the norms of the batch's vectors before propagation."""
        propagated = batch_vectors(*self.representations(), interaction)
        initial = batch_vectors(self.user_embedding.weight, self.item_embedding.weight, interaction)
        return bpr_loss(*propagated) + self.reg_weight * norm_loss(*initial)

    def item_id_tables(self) -> list[Tensor]:
        """The item embeddings before propagation."""
        return [self.item_embedding.weight]
