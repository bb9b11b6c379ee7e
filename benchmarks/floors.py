"""The floor: the products, bytes and rankings that a model cannot avoid, timed bare with the best kernels known here.

A step's floor holds what the model's equations ask of one batch: rows read, sparse products there and back, projections
of the batch's distinct items there and back, gradients of the tables zeroed and filled, one fused Adam step. No
sampling, no loss, no autograd. An evaluation's floor is one propagation and each user's scores and top k.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import torch
import torch.nn.functional as F
from measurements import Measurements, clock
from ours import configuration, load
from torch import Tensor

from mmrec_host.graphs.bipartite import symmetric_adjacency, training_edges
from mmrec_host.graphs.item_graph import MIRROR_FROM, neighbour_graph
from mmrec_host.graphs.propagation import CompressedRows
from mmrec_host.kernels import products, top_k
from mmrec_host.training.allocator import keep_freed_memory

REPEATS, SIZE = 5, 64
BLOCK, LEAST_ROWS = 8 * 2**20, 64  # bytes of scores at once, but so many users at least
Piece = Callable[[], Any]


def measure(case: dict[str, Any], measured: Measurements) -> None:
    """Floors of a training epoch, an evaluation and the item graphs."""
    config = configuration(case)
    with torch.no_grad():
        dataset, features = load(config, measured)
        keep_freed_memory()
        floor = Floor(config, dataset, dataset.train_loader(config, features), case["model"])
        steps = {"train epoch": floor.epoch(), "evaluation": floor.evaluation()}
        if case["item_graph"]:
            steps["item graph"] = [floor.neighbours(table) for table in floor.features]
        for step, pieces in steps.items():
            measured.add(step, *fastest(pieces))


def fastest(pieces: list[tuple[Piece, float]]) -> list[float]:
    """CPU and wall seconds of all pieces: of each the fastest of some runs, times how often it is done.

    The pieces take turns, so that none finds its own data in the cache because it alone has run.
    """
    seconds = torch.empty(REPEATS, len(pieces), 2, dtype=torch.float64)
    for repeat in range(REPEATS):
        for i, (run, _) in enumerate(pieces):
            start = clock()
            run()
            seconds[repeat, i] = torch.tensor([end - begin for begin, end in zip(start, clock())])
    times = torch.tensor([times for _, times in pieces], dtype=torch.float64)
    return (seconds.amin(0) * times[:, None]).sum(0).tolist()


def product(matrix: CompressedRows, x: Tensor) -> Tensor:
    """Sparse times dense."""
    offsets, neighbours, weights = matrix
    return F.embedding_bag(neighbours, x, offsets, mode="sum", per_sample_weights=weights, include_last_offset=True)


def rank(users: Tensor, items: Tensor, k: int, block: Tensor) -> None:
    """Scores of a block of users and each row's k best."""
    top_k(products(users, items, block), k)


class Floor:
    """Pieces of work of one model on one dataset, each with how often it is done."""

    def __init__(self, config: Any, dataset: Any, loader: Any, model: str) -> None:
        self.config, self.model, self.n_batches = config, model, len(loader)
        self.n_users, self.n_items = loader.n_users, loader.n_items
        self.eval_users = len(dataset.splits.valid.users)
        self.features = list(loader.features.tables().values())
        self.batch = next(loader.epoch(0))
        self.distinct = self.batch[1:].unique()
        self.user_size = SIZE * 2 if model == "VBPR" else SIZE
        self.users, self.items = torch.randn(self.n_users, self.user_size), torch.randn(self.n_items, SIZE)
        edges = torch.stack(training_edges(loader))
        self.graph = symmetric_adjacency(*edges, self.n_users, self.n_items).matrix
        self.train_graph = self.graph
        if model == "FREEDOM":
            kept = torch.randperm(edges.shape[1])[: int(edges.shape[1] * (1 - config["dropout"]))]
            self.train_graph = symmetric_adjacency(*edges[:, kept], self.n_users, self.n_items).matrix
        self.nodes = torch.randn(self.n_users + self.n_items, SIZE)
        if model in ("FREEDOM", "LATTICE"):
            k = config["knn_k"] * len(self.features) * (2 if model == "LATTICE" else 1)
            ids = torch.randint(self.n_items, (self.n_items, k))
            self.item_graph = neighbour_graph(ids, torch.ones(ids.shape)).matrix
        self.weights = [torch.randn(table.shape[1], SIZE) for table in self.features]
        self.trains_features = model in ("FREEDOM", "LATTICE") and config["trainable_features"]

    def epoch(self) -> list[tuple[Piece, float]]:
        """All that an epoch does."""
        pieces = [(self.tables(self.users, self.batch[0]), 1), (self.tables(self.items, *self.batch[1:]), 1)]
        if self.model not in ("BPR", "VBPR"):
            layers = self.config["n_ui_layers"] or self.config["n_layers"]
            layers = len(self.config["weight_size"]) if self.model == "LATTICE" else layers
            pieces.append((partial(product, self.train_graph, self.nodes), 2 * layers))
        if self.model in ("FREEDOM", "LATTICE"):
            pieces.append((partial(product, self.item_graph, self.items), 2))
        if self.model in ("VBPR", "FREEDOM"):
            pieces += [(self.projection(i, self.distinct), 1) for i in range(len(self.features))]
        pieces = [(run, times * self.n_batches) for run, times in pieces]
        if self.model == "LATTICE":
            pieces += [(self.projection(i, None), 1) for i in range(len(self.features))]
            pieces += self.learned_graph()
        return pieces

    def evaluation(self) -> list[tuple[Piece, float]]:
        """All that scoring and ranking the validation users does."""
        pieces: list[tuple[Piece, float]] = []
        items = self.items
        if self.model not in ("BPR", "VBPR"):
            pieces.append((partial(product, self.graph, self.nodes), 2))
        if self.model in ("FREEDOM", "LATTICE"):
            pieces.append((partial(product, self.item_graph, self.items), 1))
        if self.model in ("VBPR", "LATTICE"):
            pieces += [(partial(torch.mm, *pair), 1) for pair in zip(self.features, self.weights)]
        if self.model == "VBPR":
            items = torch.randn(self.n_items, self.user_size)
        if self.model == "LATTICE":
            pieces += self.learned_graph()
        return [*pieces, self.ranking(self.users[: self.eval_users], items, max(self.config["topk"]))]

    def tables(self, table: Tensor, *rows: Tensor) -> Piece:
        """Rows of a batch read, the table's gradient zeroed and filled, and Adam on the table."""
        gradient = torch.randn_like(table)
        parameter = torch.nn.Parameter(table.clone())
        parameter.grad = gradient
        optimizer = torch.optim.Adam([parameter], fused=True)

        def run() -> None:
            gradient.zero_()
            for ids in rows:
                gradient.index_add_(0, ids, F.embedding(ids, parameter))
            optimizer.step()

        return run

    def projection(self, modality: int, rows: Tensor | None) -> Piece:
        """Features of some items (None: all) projected, and the gradients of projection and trained features."""
        table, weight = self.features[modality], self.weights[modality]
        out = torch.randn(len(table) if rows is None else len(rows), SIZE)
        adam = self.tables(table, torch.zeros(0, dtype=torch.int64)) if self.trains_features else lambda: None

        def run() -> None:
            x = table if rows is None else F.embedding(rows, table)
            torch.mm(x, weight)
            torch.mm(x.T, out)
            if self.trains_features:
                torch.mm(out, weight.T)
                adam()

        return run

    def learned_graph(self) -> list[tuple[Piece, float]]:
        """Nearest neighbours by projected features."""
        return [self.neighbours(self.items) for _ in self.features]

    def neighbours(self, x: Tensor) -> tuple[Piece, float]:
        """Each item's k nearest by x; with many dimensions it pays to compute a cosine once for both of its items."""
        run, times = self.ranking(x, x, self.config["knn_k"])
        return run, times / 2 if x.shape[1] >= MIRROR_FROM else times

    def ranking(self, users: Tensor, items: Tensor, k: int) -> tuple[Piece, float]:
        """One block of users, and how many blocks there are."""
        rows = min(len(users), max(BLOCK // (4 * len(items)), LEAST_ROWS))
        block = torch.empty(rows, len(items))
        return partial(rank, users[:rows], items, k, block), len(users) / rows
