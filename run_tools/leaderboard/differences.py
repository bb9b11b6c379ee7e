"""Each row against each other: differences, and whether they are significant."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from mmrec_host.evaluation.significance import holm, two_sided_test
from mmrec_host.reporting.cells import DAGGER, Cell, Column, Table
from mmrec_host.reporting.marks import user_values
from mmrec_host.reporting.rows import Row

from ..page.blocks import Block, Paragraph

ALPHA = 0.05
MOST = 12  # rows that are compared, the best


def differences(rows: Sequence[Row], metric: str) -> list[Block]:
    """A matrix: the row's mean over users less the column's, with a dagger where it is significant.

    Tests are those of the results table, two-sided, adjusted by Holm's method over all pairs.
    """
    rows = rows[:MOST]
    unread: list[str] = []
    values = [user_values(row.runs, [metric], unread) for row in rows]
    pairs = {}
    for i, a in enumerate(values):
        for j, b in enumerate(values[:i]):
            if a is not None and b is not None and np.array_equal(a.users, b.users):
                test = two_sided_test(a.values[metric], b.values[metric])
                pairs[i, j] = max(test.t_test, test.wilcoxon), float((a.values[metric] - b.values[metric]).mean())
    if not pairs:
        return [
            *map(Paragraph, unread),
            Paragraph("No two rows were evaluated on the same users, so none are compared."),
        ]
    adjusted = dict(zip(pairs, holm([p for p, _ in pairs.values()]), strict=True))

    def cell(i: int, j: int) -> Cell:
        key = (max(i, j), min(i, j))
        if i == j or key not in pairs:
            return Cell(None)
        difference = pairs[key][1] if i > j else -pairs[key][1]
        text = f"{round(difference, 4) + 0.0:+.4f}".replace("-", "−")  # -0.0 + 0.0 is 0.0
        return Cell(text + (DAGGER if adjusted[key] < ALPHA else ""))

    columns = [Column("row − column", "text"), *(Column(str(j + 1), "text") for j in range(len(rows)))]
    lines = [[Cell(f"{i + 1}. {row.label}"), *(cell(i, j) for j in range(len(rows)))] for i, row in enumerate(rows)]
    users = max(len(each.users) for each in values if each is not None)
    notes = [
        f"{DAGGER}: p < {ALPHA} in both a paired t-test and a Wilcoxon signed-rank test over {users:,} users with "
        f"their means over seeds, two-sided, by Holm's method over {len(pairs)} pairs."
    ]
    notes += unread
    return [Table(f"{metric}, the row less the column, which is named by its number.", columns, lines, notes)]
