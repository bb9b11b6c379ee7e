"""FREEDOM: a frozen item graph from the features, and a user-item graph whose edges are pruned anew each epoch."""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ..graphs.bipartite import symmetric_adjacency, symmetric_weights, training_edges
from ..graphs.item_graph import cosine_neighbours, neighbour_graph
from ..graphs.propagation import Graph, layer_mean, propagate
from .base import MODELS, Recommender
from .losses import batch_vectors, bpr_loss
from .modalities import feature_tables, projections, weights


@MODELS.register("FREEDOM")
class FREEDOM(Recommender):
    """FREEDOM: item vectors smoothed over a frozen graph of similar items, and denoised edges (Zhou and Shen, MM 2023).

    The features act through the item graph and through a BPR loss for each modality, weighted by `reg_weight`; scores
    do not read them. As in MMRec they are trained along, unless `trainable_features` is false.
    """

    def __init__(self, config: Any, dataloader: Any) -> None:
        super().__init__(config, dataloader)
        self.n_ui_layers, self.n_mm_layers = config["n_ui_layers"], config["n_mm_layers"]
        self.reg_weight, self.dropout = config["reg_weight"], config["dropout"]
        self.edges = torch.stack(training_edges(dataloader)).to(self.device)
        users, items = self.edges
        self.edge_weights = symmetric_weights(users, items)
        self.graph = self.pruned_graph = symmetric_adjacency(users, items, self.n_users, self.n_items)
        self.user_embedding = nn.Embedding(self.n_users, config["embedding_size"])
        self.item_embedding = nn.Embedding(self.n_items, config["embedding_size"])
        nn.init.xavier_uniform_(self.user_embedding.weight)
        nn.init.xavier_uniform_(self.item_embedding.weight)
        self.feature_tables = feature_tables(self, trainable=config["trainable_features"] is not False)
        self.projections = projections(self, config["embedding_size"])
        self.rebuild_from_features()

    def rebuild_from_features(self) -> None:
        """Build the item graph: each item's `knn_k` nearest by each modality, equally weighted within a modality."""
        k, image_weight = self.config["knn_k"], self.config["mm_image_weight"]
        shares = {"v": image_weight, "t": 1 - image_weight} if len(self.feature_tables) == 2 else {"v": 1.0, "t": 1.0}
        tables = weights(self.feature_tables)
        neighbours = {m: cosine_neighbours(table.detach(), k)[0] for m, table in tables.items()}
        equal = [torch.full(ids.shape, shares[m] / k, device=ids.device) for m, ids in neighbours.items()]
        self.item_graph = neighbour_graph(torch.cat([*neighbours.values()], 1), torch.cat(equal, 1))

    def pre_epoch_processing(self) -> None:
        """Keep a share 1 - `dropout` of the edges, drawn without replacement in proportion to their weights."""
        if self.dropout <= 0:
            return
        n_kept = int(len(self.edge_weights) * (1.0 - self.dropout))
        # the n largest of p / Exp(1) are such a draw (Efraimidis and Spirakis 2006), the same as torch.multinomial's
        keys = self.edge_weights / torch.empty_like(self.edge_weights).exponential_()
        kept = keys.topk(n_kept, sorted=False).indices
        users, items = self.edges[:, kept]
        self.pruned_graph = symmetric_adjacency(users, items, self.n_users, self.n_items)

    def vectors(self, graph: Graph) -> tuple[Tensor, Tensor]:
        """User and item vectors, propagated over the given user-item graph and the item graph."""
        smoothed = self.item_embedding.weight
        for _ in range(self.n_mm_layers):
            smoothed = propagate(self.item_graph, smoothed)
        users, items = layer_mean(graph, self.n_ui_layers, self.user_embedding.weight, self.item_embedding.weight)
        return users, items + smoothed

    def representations(self) -> tuple[Tensor, Tensor]:
        """User vectors [n_users, d] and item vectors [n_items, d] over the whole user-item graph."""
        return self.vectors(self.graph)

    def calculate_loss(self, interaction: Tensor) -> Tensor:
        """BPR over the pruned graph, and `reg_weight` times BPR of the users with each modality's features."""
        users, positives, negatives = batch_vectors(*self.vectors(self.pruned_graph), interaction)
        loss = bpr_loss(users, positives, negatives, gamma=0)
        if self.reg_weight == 0:
            return loss
        items, positions = torch.unique(interaction[1:3], return_inverse=True)  # each item is projected once
        for modality, projection in self.projections.items():
            projected = projection(self.feature_tables[modality](items))
            liked, drawn = F.embedding(positions, projected)
            loss = loss + self.reg_weight * bpr_loss(users, liked, drawn, gamma=0)
        return loss

    def modality_scores(self, users: Tensor, z: Tensor, modality: str) -> Tensor | None:
        """Scores [len(users), k] of the users' propagated vectors with k projected feature rows z [k, d_m].

        None where `reg_weight` is 0: the projections are never trained then.
        """
        if self.reg_weight == 0:
            return None
        graph = self.pruned_graph if self.training else self.graph
        user_vectors, _ = layer_mean(graph, self.n_ui_layers, self.user_embedding.weight, self.item_embedding.weight)
        return F.embedding(users, user_vectors) @ self.projections[modality](z).T

    def item_id_tables(self) -> list[Tensor]:
        """The item embeddings before propagation."""
        return [self.item_embedding.weight]
