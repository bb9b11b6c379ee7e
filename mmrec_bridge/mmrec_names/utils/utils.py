"""MMRec's functions on item graphs and runs. Graphs of all item pairs are dense here, as their callers expect."""

from __future__ import annotations

import importlib
from datetime import datetime
from typing import Any

import torch
from torch import Tensor

from mmrec_host.random_states import init_seed

__all__ = [
    "build_knn_neighbourhood",
    "build_knn_normalized_graph",
    "build_sim",
    "compute_normalized_laplacian",
    "dict2str",
    "early_stopping",
    "get_dense_laplacian",
    "get_local_time",
    "get_model",
    "get_sparse_laplacian",
    "get_trainer",
    "init_seed",
]


def build_sim(context: Tensor) -> Tensor:
    """Cosines [n, n] of the rows [n, d]; a row of zeros has NaN with every row."""
    unit = context / context.norm(dim=-1, keepdim=True)
    return unit @ unit.T


def build_knn_neighbourhood(adj: Tensor, topk: int) -> Tensor:
    """`adj` [n, n] with zeros for all but the `topk` largest entries of each row."""
    values, columns = adj.topk(topk, dim=-1)
    return torch.zeros_like(adj).scatter(-1, columns, values)


def _inverse(degrees: Tensor, power: float) -> Tensor:
    """`degrees ** power`, 0 for a degree of 0; NaN for the root of a negative degree."""
    inverse = degrees.pow(power)
    return inverse.masked_fill(inverse.isinf(), 0.0)


def get_dense_laplacian(adj: Tensor, normalization: str = "none") -> Tensor:
    """`adj` [n, n] normalised by its row sums: `sym` D^-1/2 A D^-1/2, `rw` D^-1 A, `none` as it is."""
    if normalization == "none":
        return adj
    scales = _inverse(adj.sum(-1), _power(normalization))
    rows = scales.unsqueeze(-1) * adj
    return rows * scales if normalization == "sym" else rows


def compute_normalized_laplacian(adj: Tensor) -> Tensor:
    """`D^-1/2 A D^-1/2` of `adj` [n, n], D = its row sums."""
    return get_dense_laplacian(adj, "sym")


def get_sparse_laplacian(
    edge_index: Tensor, edge_weight: Tensor, num_nodes: int, normalization: str = "none"
) -> tuple[Tensor, Tensor]:
    """As `get_dense_laplacian`, on edges: ids [2, n_edges] and weights [n_edges], returned with the new weights."""
    if normalization == "none":
        return edge_index, edge_weight
    rows, columns = edge_index
    degrees = edge_weight.new_zeros(num_nodes).index_add(0, rows, edge_weight)
    scales = _inverse(degrees, _power(normalization))
    scaled = scales[rows] * edge_weight
    return edge_index, scaled * scales[columns] if normalization == "sym" else scaled


def _power(normalization: str) -> float:
    powers = {"sym": -0.5, "rw": -1.0}
    if normalization not in powers:
        raise ValueError(f"normalization={normalization!r}: must be none, sym or rw")
    return powers[normalization]


def build_knn_normalized_graph(adj: Tensor, topk: int, is_sparse: bool, norm_type: str) -> Tensor:
    """The `topk` largest entries of each row of `adj` [n, n], normalised: sparse COO (not coalesced) or dense."""
    if not is_sparse:
        return get_dense_laplacian(build_knn_neighbourhood(adj, topk), norm_type)
    values, columns = adj.topk(topk, dim=-1)
    rows = torch.arange(len(adj), device=adj.device).repeat_interleave(topk)
    edges = torch.stack((rows, columns.flatten()))
    edges, weights = get_sparse_laplacian(edges, values.flatten(), len(adj), norm_type)
    return torch.sparse_coo_tensor(edges, weights, adj.shape)


def get_local_time() -> str:
    """The time as MMRec's log names hold it: `Nov-24-2026-16-32-05`."""
    return datetime.now().strftime("%b-%d-%Y-%H-%M-%S")


def get_model(model_name: str) -> type:
    """The class `model_name` of the module `models.<model_name in small letters>`."""
    return getattr(importlib.import_module(f"models.{model_name.lower()}"), model_name)


def get_trainer() -> type:
    """The class `Trainer` of the checkout's `common.trainer`."""
    return importlib.import_module("common.trainer").Trainer


def early_stopping(
    value: float, best: float, cur_step: int, max_step: int, bigger: bool = True
) -> tuple[float, int, bool, bool]:
    """Best value, evaluations since then, whether to stop (they exceed `max_step`), whether `value` is a new best."""
    if value > best if bigger else value < best:
        return value, 0, False, True
    return best, cur_step + 1, cur_step + 1 > max_step, False


def dict2str(result_dict: dict[str, Any]) -> str:
    """Metrics in one line: `recall@20: 0.1234    ndcg@20: 0.0567    `."""
    return "".join(f"{metric}: {value:.4f}    " for metric, value in result_dict.items())
