"""LATTICE: an item graph that is learned from the features together with the recommender."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ..errors import ConfigError
from ..graphs.bipartite import random_walk_adjacency, training_edges
from ..graphs.item_graph import cosine_neighbours, neighbour_cosines, neighbour_graph, symmetric_normalise
from ..graphs.propagation import Graph, layer_mean, neighbour_product, propagate
from .base import MODELS, Recommender
from .losses import batch_vectors, bpr_loss, squared_loss
from .modalities import feature_tables, projections, weights


@MODELS.register("LATTICE")
class LATTICE(Recommender):
    """LATTICE: item vectors smoothed over frozen and learned graphs of similar items (Zhang et al., MM 2021).

    The learned graph is built with gradients for the first batch of each epoch, kept without them for the others, and
    built once an evaluation. Only the entries of the k nearest neighbours exist, and gradients reach these.
    """

    def __init__(self, config: Any, dataloader: Any) -> None:
        super().__init__(config, dataloader)
        self.n_layers, self.knn_k, self.lambda_coeff = config["n_layers"], config["knn_k"], config["lambda_coeff"]
        self.penalty = config["reg_weight"] / config["train_batch_size"]
        users, items = (ids.to(self.device) for ids in training_edges(dataloader, unique=False))
        self.graph = random_walk_adjacency(users, items, self.n_users, self.n_items)
        self.user_embedding = nn.Embedding(self.n_users, config["embedding_size"])
        self.item_embedding = nn.Embedding(self.n_items, config["embedding_size"])
        nn.init.xavier_uniform_(self.user_embedding.weight)
        nn.init.xavier_uniform_(self.item_embedding.weight)
        self.collaborative = collaborative_layers(config, self.graph)
        self.feature_tables = feature_tables(self, trainable=config["trainable_features"] is not False)
        self.projections = projections(self, config["feat_embed_dim"])
        self.modal_weight = nn.Parameter(torch.tensor([0.5, 0.5]))  # image, text
        self.rebuild_from_features()

    def rebuild_from_features(self) -> None:
        """Build the frozen item graphs from the current features, and let the learned one be built anew."""
        self.frozen: dict[str, tuple[Tensor, Tensor]] = {}
        for modality, table in weights(self.feature_tables).items():
            neighbours, cosines = cosine_neighbours(table.detach(), self.knn_k)
            self.frozen[modality] = neighbours, symmetric_normalise(neighbours, cosines)
        self.item_graph: Graph | None = None

    def pre_epoch_processing(self) -> None:
        """Let the first batch build the learned graph anew."""
        self.item_graph = None

    def item_neighbours(self) -> tuple[Tensor, Tensor]:
        """The item graph: neighbour ids and their differentiable weights, [n_items, 2 k modalities]."""
        shares = dict.fromkeys(self.frozen, 1.0)
        if len(shares) == 2:
            shares["v"], shares["t"] = self.modal_weight.softmax(0)
        learned, cosines, tables = [], [], weights(self.feature_tables)
        for modality, projection in self.projections.items():
            projected = projection(tables[modality])
            neighbours, _ = cosine_neighbours(projected, self.knn_k)
            learned.append(neighbours)
            cosines.append(shares[modality] * neighbour_cosines(projected, neighbours))
        normalised = symmetric_normalise(torch.cat(learned, 1), torch.cat(cosines, 1))
        frozen = [shares[m] * weights for m, (_, weights) in self.frozen.items()]
        ids = torch.cat([*learned, *(neighbours for neighbours, _ in self.frozen.values())], 1)
        return ids, torch.cat([(1 - self.lambda_coeff) * normalised, *(self.lambda_coeff * w for w in frozen)], 1)

    def vectors(self, smooth: Callable[[Tensor], Tensor]) -> tuple[Tensor, Tensor]:
        """User and item vectors, given the product with the item graph."""
        smoothed = self.item_embedding.weight
        for _ in range(self.n_layers):
            smoothed = smooth(smoothed)
        users, items = self.collaborative(self.user_embedding.weight, self.item_embedding.weight)
        return users, items + F.normalize(smoothed, dim=1)

    def representations(self) -> tuple[Tensor, Tensor]:
        """User vectors [n_users, d] and item vectors [n_items, d]; builds the learned graph."""
        return self.vectors(partial(neighbour_product, *self.item_neighbours()))

    def calculate_loss(self, interaction: Tensor) -> Tensor:
        """BPR, and the batch's squared norms; builds the learned graph if this is the first batch of an epoch."""
        if self.item_graph is None:
            neighbours, weights = self.item_neighbours()
            self.item_graph = neighbour_graph(neighbours, weights)
            smooth = partial(neighbour_product, neighbours, weights)
        else:
            smooth = partial(propagate, self.item_graph)
        batch = batch_vectors(*self.vectors(smooth), interaction)
        return bpr_loss(*batch, gamma=0) + self.penalty * squared_loss(*batch)

    def item_id_tables(self) -> list[Tensor]:
        """The item embeddings before propagation."""
        return [self.item_embedding.weight]


def collaborative_layers(config: Any, graph: Graph) -> Callable[[Tensor, Tensor], tuple[Tensor, Tensor]]:
    """What the `cf_model` key names: a map from user and item embeddings to propagated ones."""
    sizes, name = config["weight_size"], config["cf_model"]
    if name == "lightgcn":
        return partial(layer_mean, graph, len(sizes))
    if name == "ngcf":
        return NGCFLayers(graph, [config["embedding_size"], *sizes], config["mess_dropout"])
    if name == "mf":
        return lambda users, items: (users, items)
    raise ConfigError(f"cf_model={name!r}: must be lightgcn, ngcf or mf.")


class NGCFLayers(nn.Module):
    """NGCF's layers, with the mean over layers in place of their concatenation (Wang et al., SIGIR 2019, eq. 7)."""

    def __init__(self, graph: Graph, sizes: list[int], dropout: list[float]) -> None:
        super().__init__()
        if set(sizes) != {sizes[0]} or len(dropout) != len(sizes) - 1:
            raise ConfigError(
                f"cf_model=ngcf takes the mean of its layers, so weight_size={sizes[1:]} must repeat "
                f"embedding_size={sizes[0]}, and mess_dropout={dropout} needs as many entries."
            )
        self.graph, self.dropout = graph, dropout
        self.sums = nn.ModuleList(nn.Linear(size, size) for size in sizes[1:])
        self.products = nn.ModuleList(nn.Linear(size, size) for size in sizes[1:])

    def forward(self, users: Tensor, items: Tensor) -> tuple[Tensor, Tensor]:
        """Mean over layers of user vectors [n_users, d] and item vectors [n_items, d]."""
        nodes = torch.cat((users, items))
        layers = [nodes]
        for linear, bilinear, rate in zip(self.sums, self.products, self.dropout, strict=True):
            messages = propagate(self.graph, nodes)
            nodes = F.leaky_relu(linear(messages)) + F.leaky_relu(bilinear(nodes * messages))
            nodes = F.dropout(nodes, rate, self.training)
            layers.append(F.normalize(nodes, dim=1))
        return torch.stack(layers).mean(0).split((len(users), len(items)))
