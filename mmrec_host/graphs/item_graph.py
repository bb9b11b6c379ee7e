"""Graphs of similar items, kept as each item's k neighbours: no matrix of all pairs exists at any time."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from ..errors import ConfigError
from .propagation import Graph

CHUNK_ELEMENTS = 2**22  # similarities held at once; larger blocks leave the cache


@torch.no_grad()
def cosine_neighbours(x: Tensor, k: int) -> tuple[Tensor, Tensor]:
    """Each row's k most similar rows by cosine, itself first, without gradients.

    Args:
        x: [n, d]; a row of zeros has cosine 0 with every row.
        k: number of neighbours, the row itself among them.

    Returns:
        Ids int64 [n, k] and cosines [n, k].

    Raises:
        ConfigError: k is not in 1..n.
    """
    n = len(x)
    if not 1 <= k <= n:
        raise ConfigError(f"knn_k={k}: an item graph over {n} items needs a number from 1 to {n}.")
    x = F.normalize(x, dim=1)
    ids = torch.empty(n, k, dtype=torch.int64, device=x.device)
    cosines = torch.empty(n, k, dtype=x.dtype, device=x.device)
    chunk = max(1, CHUNK_ELEMENTS // n)
    for start in range(0, n, chunk):
        similarities = x[start : start + chunk] @ x.T
        itself = similarities.diagonal(start)
        own = itself.clone()
        itself.fill_(torch.inf)  # a duplicate's cosine can be larger by a rounding error
        rows = slice(start, start + chunk)
        cosines[rows], ids[rows] = similarities.topk(k)
        cosines[rows, 0] = own
    return ids, cosines


def neighbour_cosines(x: Tensor, neighbours: Tensor) -> Tensor:
    """Cosines [n, k] of each row of x [n, d] with its `neighbours` [n, k], differentiable in x."""
    x = F.normalize(x, dim=1)
    return (F.embedding(neighbours, x) @ x.unsqueeze(-1)).squeeze(-1)


def symmetric_normalise(neighbours: Tensor, weights: Tensor) -> Tensor:
    """`D^-1/2 W D^-1/2` on the [n, k] entries, D = the row sums; a row whose sum is not positive becomes zero."""
    degrees = weights.sum(1)
    scales = degrees.clamp(min=torch.finfo(degrees.dtype).tiny).rsqrt() * (degrees > 0)
    return weights * scales.unsqueeze(1) * scales[neighbours]


def neighbour_graph(neighbours: Tensor, weights: Tensor) -> Graph:
    """A `Graph` of constant weights from [n, k] neighbour ids and weights."""
    n, k = neighbours.shape
    rows = torch.arange(n, device=neighbours.device).repeat_interleave(k)
    return Graph(rows, neighbours.flatten(), weights.detach().flatten(), n)
