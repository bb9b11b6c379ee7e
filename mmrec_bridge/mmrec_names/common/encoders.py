"""LightGCN as a part of other models: propagated vectors, with random edges left out in training."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from mmrec_host.graphs.bipartite import symmetric_weights, training_edges

from .abstract_recommender import GeneralRecommender


class LightGCN_Encoder(GeneralRecommender):
    """The mean of E, A E, …, A^n_layers E, with A = D^-1/2 (user-item graph) D^-1/2 (He et al., SIGIR 2020).

    `forward` leaves out a random share of A's entries, the share itself drawn uniformly from [0, drop_ratio) for each
    call, in evaluation mode too, unless `drop_flag` is off.

    Attributes:
        embedding_dict: the parameters `user_emb` [n_users, d] and `item_emb` [n_items, d].
        sparse_norm_adj: A, COO [n_users + n_items, n_users + n_items].
    """

    def __init__(self, config: Any, dataset: Any) -> None:
        super().__init__(config, dataset)
        self.interaction_matrix = dataset.inter_matrix(form="coo").astype(np.float32)
        self.user_count, self.item_count = self.n_users, self.n_items
        self.latent_size: int = config["embedding_size"]
        self.n_layers: int = 3 if config["n_layers"] is None else config["n_layers"]
        self.layers = [self.latent_size] * self.n_layers
        self.drop_ratio, self.drop_flag = 1.0, True
        sizes = {"user_emb": self.n_users, "item_emb": self.n_items}
        self.embedding_dict = nn.ParameterDict(
            {name: nn.Parameter(nn.init.xavier_uniform_(torch.empty(n, self.latent_size))) for name, n in sizes.items()}
        )
        users, items = training_edges(dataset)
        rows, columns = torch.cat((users, items + self.n_users)), torch.cat((items + self.n_users, users))
        shape = (self.n_users + self.n_items,) * 2
        entries = symmetric_weights(users, items).repeat(2)
        self.sparse_norm_adj = torch.sparse_coo_tensor(torch.stack((rows, columns)), entries, shape).coalesce()
        self.sparse_norm_adj = self.sparse_norm_adj.to(self.device)

    def sparse_dropout(self, x: Tensor, rate: float, noise_shape: int) -> Tensor:
        """`x` without a random share `rate` of its entries, the others scaled by 1 / (1 - rate)."""
        kept = (torch.rand(noise_shape).to(self.device) + (1 - rate)).floor().bool()
        return torch.sparse_coo_tensor(x._indices()[:, kept], x._values()[kept] * (1.0 / (1 - rate)), x.shape)

    def _propagated(self, adjacency: Tensor) -> tuple[Tensor, Tensor]:
        nodes = torch.cat((self.embedding_dict["user_emb"], self.embedding_dict["item_emb"]))
        layers = [nodes]
        for _ in self.layers:
            layers.append(torch.sparse.mm(adjacency, layers[-1]))
        users, items = torch.stack(layers, 1).mean(1).split((self.user_count, self.item_count))
        return users, items

    def forward(self, inputs: Tensor) -> tuple[Tensor, Tensor]:
        """Vectors [batch, d] of the users `inputs[0]` and the items `inputs[1]`."""
        adjacency = self.sparse_norm_adj
        if self.drop_flag:
            adjacency = self.sparse_dropout(adjacency, np.random.random() * self.drop_ratio, adjacency._nnz())
        users, items = self._propagated(adjacency)
        return users[inputs[0]], items[inputs[1]]

    @torch.no_grad()
    def get_embedding(self) -> tuple[Tensor, Tensor]:
        """All user and item vectors, on the whole graph."""
        return self._propagated(self.sparse_norm_adj)
