"""What the lists of one finished run are: its model ranks the test split again, and each list metric sees the lists."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from feature_cache import read_lines
from mmrec_host.data.ragged import Ragged
from mmrec_host.errors import DataError
from mmrec_host.evaluation.cutoffs import n_ranked
from mmrec_host.evaluation.evaluator import ranked_items
from mmrec_host.evaluation.options import EvaluationOptions
from mmrec_host.runs.finished_run import FinishedRun

from ..categories import read_categories
from .lists import Items, Lists, category_matrix
from .metrics import LIST_METRICS


def measure(
    run: FinishedRun,
    metrics: Sequence[str],
    ks: Sequence[int],
    features: np.ndarray | None = None,
    field: str | None = None,
) -> dict[str, Any]:
    """What one run's lists are: `{"coverage@10": float, "novelty@10": float64 [n_users], "users": int64 [n_users]}`.

    Args:
        features: as in `Items`.
        field: key of items.jsonl that holds categories.

    Raises:
        DataError: a list is longer than what can be ranked.
    """
    split = run.dataset.splits.test
    n = n_ranked(split, run.model.n_items)
    if max(ks) > n:
        raise DataError(f"lists of {max(ks)} items: only {n} are ranked here")
    options = EvaluationOptions.from_config(run.config)
    options = replace(options, cutoffs=tuple(sorted(ks)), device=run.config["device"])
    ranked = ranked_items(run.model, split, options)
    splits = run.dataset.splits
    history = Ragged.group(splits.train_users, splits.train_items, run.dataset.interactions.n_users).take(split.users)
    lists = Lists.make(ranked, split.positives, history, _items(run, features, field))
    values: dict[str, Any] = {"users": split.users}
    for k in ks:
        for metric in metrics:
            value = LIST_METRICS.get(metric)(lists.first(k))
            if value is not None:
                values[f"{metric}@{k}"] = value
    return values


def _items(run: FinishedRun, features: np.ndarray | None, field: str | None) -> Items:
    data, splits = run.dataset.interactions, run.dataset.splits
    file = run.dataset.folder / "items.jsonl"
    lines = [line for _, line in read_lines(file, data.n_items)]
    categories = category_matrix(read_categories(lines, file, field)[1], data.n_items)
    return Items(
        np.bincount(splits.train_items, minlength=data.n_items),
        len(np.unique(splits.train_users)),
        n_ranked(splits.test, data.n_items),
        categories,
        features,
    )


def unit_features(run: FinishedRun) -> np.ndarray | None:
    """The frozen features of a run, all modalities side by side, each of length 1, and together too; None without."""
    tables = [table.float().cpu().numpy() for table in run.loader.features.tables().values()]
    if not tables:
        return None
    lengths = [np.linalg.norm(table, axis=1, keepdims=True) for table in tables]
    parts = [table / np.maximum(length, 1e-12) for table, length in zip(tables, lengths, strict=True)]
    return np.concatenate(parts, 1) / np.sqrt(len(parts))
