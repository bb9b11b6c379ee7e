"""The runs that a page is about, with their rankings of the test split."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from mmrec_host.errors import DataError
from mmrec_host.evaluation.cutoffs import fitting
from mmrec_host.evaluation.evaluator import ranked_items
from mmrec_host.evaluation.metrics import per_user_metrics
from mmrec_host.evaluation.options import EvaluationOptions
from mmrec_host.runs.finished_run import FinishedRun, open_run

NAMES = ("A", "B")


@dataclass(frozen=True)
class Side:
    """A run and what it ranks.

    Attributes:
        name: `A` or `B`; empty if there is only one run.
        ranked: item ids [n_test_users, K], best first.
        per_user: metric@k -> float64 [n_test_users].
    """

    name: str
    run: FinishedRun
    ranked: np.ndarray
    per_user: dict[str, np.ndarray]

    @property
    def label(self) -> str:
        """Model, changed keys and seed."""
        return f"{self.run.record.info['label']}, seed {self.run.record.info['seed']}"


def open_sides(folders: Sequence[Path], **replaced: Any) -> list[Side]:
    """Open one run or two, and rank and score the test split with each by the first one's metrics and cutoffs.

    Raises:
        DataError: a run cannot be opened, or the two were not tested on the same split.
    """
    runs = [open_run(folder, **replaced) for folder in folders]
    first, last = runs[0].dataset, runs[-1].dataset
    if (first.name, first.splits.digest) != (last.name, last.splits.digest):
        raise DataError(
            f"{folders[0]} and {folders[-1]}: the runs were tested on different splits ({first.name} "
            f"{first.splits.digest} and {last.name} {last.splits.digest}), so their users cannot be compared. Choose "
            "two runs on the same dataset, of the same protocol and, with cold items, of the same seed."
        )
    names = NAMES if len(runs) > 1 else ("",)
    options = EvaluationOptions.from_config(runs[0].config)
    sides = []
    for name, run in zip(names, runs):
        split = run.dataset.splits.test
        filled = fitting(replace(options, device=run.config["device"]), split, run.model.n_items)
        ranked = ranked_items(run.model, split, filled)
        per_user = per_user_metrics(ranked, split.positives, filled.metrics, filled.cutoffs)
        sides.append(Side(name, run, ranked, per_user))
    return sides
