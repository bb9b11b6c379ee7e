"""Graphs of similar items, kept as each item's k neighbours: no matrix of all pairs exists at any time."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from ..errors import ConfigError
from ..kernels import products, top_k
from .propagation import Graph

STRIP = 512  # rows whose similarities are held at once where each is computed once for both of its rows ...
MIRROR_FROM = 256  # ... which pays from so many dimensions; below, the product costs less than the second ranking
CACHE_ELEMENTS = 2**21  # similarities held at once otherwise; larger blocks leave the cache


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
    ids = torch.zeros(n, k, dtype=torch.int64, device=x.device)
    cosines = torch.full((n, k), -torch.inf, dtype=x.dtype, device=x.device)
    own = torch.empty(n, dtype=x.dtype, device=x.device)
    mirrored = x.shape[1] >= MIRROR_FROM
    height = STRIP if mirrored else max(1, CACHE_ELEMENTS // n)
    block = x.new_empty(min(height, n), n)
    for top in range(0, n, height):
        rows, below = slice(top, min(top + height, n)), slice(min(top + height, n), n)
        left = top if mirrored else 0
        similarities = products(x[rows], x[left:], block[: rows.stop - top, : n - left])
        itself = similarities.diagonal(top - left)
        own[rows] = itself
        itself.fill_(torch.inf)  # a duplicate's cosine can be larger by a rounding error
        _keep_largest(ids, cosines, rows, similarities, left)
        if mirrored and below.start < n:
            _keep_largest(ids, cosines, below, similarities[:, height:].T.contiguous(), top)
    cosines[:, 0] = own
    return ids, cosines


def _keep_largest(ids: Tensor, cosines: Tensor, rows: slice, similarities: Tensor, first: int) -> None:
    """Merge similarities to items `first`, `first` + 1, ... into what is kept of `rows`, largest first."""
    k = ids.shape[1]
    values, columns = top_k(similarities, min(k, similarities.shape[1]))
    values = torch.cat((cosines[rows], values), 1)
    candidates = torch.cat((ids[rows], columns + first), 1)
    cosines[rows], places = values.topk(k)
    ids[rows] = candidates.gather(1, places)


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
