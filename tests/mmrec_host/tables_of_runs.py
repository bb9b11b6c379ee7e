"""What tests of results tables share: metrics of users, and cells of a table."""

from __future__ import annotations

import numpy as np

from mmrec_host.reporting.cells import Cell, Table


def values(mean: float, n_users: int = 200, noise: float = 0.05, seed: int = 0) -> dict[str, np.ndarray]:
    """Per-user recall and NDCG around `mean`; the same noise for every model of a seed."""
    draw = np.random.default_rng(seed).normal(0, noise, (2, n_users))
    return {"recall@20": mean + draw[0], "ndcg@20": mean / 2 + draw[1]}


def column(table: Table, name: str) -> list[Cell]:
    table = table.flat()
    return [row[[c.name for c in table.columns].index(name)] for row in table.rows]


def only(tables: list[Table]) -> Table:
    assert len(tables) == 1
    return tables[0]
