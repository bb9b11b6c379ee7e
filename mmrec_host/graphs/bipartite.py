"""The user-item graph as an adjacency matrix over users and items, users first."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from .propagation import Graph


def training_edges(dataloader: Any, unique: bool = True) -> tuple[Tensor, Tensor]:
    """User and item ids, int64 [n_edges] each, of the training rows; `unique` drops repeats and sorts them."""
    matrix = dataloader.inter_matrix(form="coo")
    users, items = torch.as_tensor(matrix.row).long(), torch.as_tensor(matrix.col).long()
    if not unique:
        return users, items
    keys = torch.unique(users * dataloader.n_items + items)
    return keys // dataloader.n_items, keys % dataloader.n_items


def symmetric_weights(users: Tensor, items: Tensor) -> Tensor:
    """`1 / sqrt(d_u d_i)` of each edge, [n_edges] float32, with degrees counted over the given edges."""
    return (users.bincount()[users].double() * items.bincount()[items]).rsqrt().float()


def symmetric_adjacency(users: Tensor, items: Tensor, n_users: int, n_items: int) -> Graph:
    """`D^-1/2 A D^-1/2` of the bipartite graph (LightGCN, eq. 3); a node without edges has an empty row."""
    rows, columns = torch.cat((users, items + n_users)), torch.cat((items + n_users, users))
    return Graph(rows, columns, symmetric_weights(users, items).repeat(2), n_users + n_items, symmetric=True)


def random_walk_adjacency(users: Tensor, items: Tensor, n_users: int, n_items: int) -> Graph:
    """`D^-1 (A + I)`: each node averages itself and its neighbours; repeated edges weigh more."""
    loops = torch.arange(n_users + n_items, device=users.device)
    rows = torch.cat((users, items + n_users, loops))
    columns = torch.cat((items + n_users, users, loops))
    return Graph(rows, columns, rows.bincount()[rows].float().reciprocal(), n_users + n_items)
