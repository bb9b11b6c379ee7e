"""Evaluation of a model on one split: ranking, then metrics."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from ..errors import ConfigError, DataError
from ..models.contract import HasFreeItems, Model, scorer
from .metrics import METRICS, per_user_metrics
from .ranking import rank

if TYPE_CHECKING:
    from ..data.splits import EvalSplit


@dataclass(frozen=True)
class Evaluation:
    """Metrics of one model on one split.

    Attributes:
        split: its name.
        users: int64 [n_users].
        per_user: values of each user, `{"recall@20": float64 [n_users]}`.
        means: their means, `{"recall@20": float}`, never rounded.
        n_ranked: how many items were ranked for each user, known ones included.
    """

    split: str
    users: np.ndarray
    per_user: dict[str, np.ndarray]
    means: dict[str, float]
    n_ranked: int = 0

    def chance_recall(self, k: int) -> float:
        """Recall@k that a random ranking has in expectation (known items are not counted out)."""
        return min(k / self.n_ranked, 1.0) if self.n_ranked else 0.0


def evaluate(model: Model, split: EvalSplit, config: Mapping[str, Any]) -> Evaluation:
    """Rank the split's users' items with `model` in evaluation mode, and score the rankings.

    Args:
        model: its modules' training modes are as before afterwards. Its free id vectors (`item_id_tables`) of the
            split's cold items are zero meanwhile: they were never trained.
        split: what to evaluate on.
        config: `metrics`, `topk`, `eval_batch_size` (users), `device`.

    Raises:
        ConfigError: unknown metric, bad cutoff.
        DataError: no users, a user without positives, or fewer items than the largest cutoff.
        UserError: a score is NaN.
    """
    metrics, ks = requested_metrics(config)
    if len(split.users) == 0:
        raise DataError(f"{split.name}: no user has a positive item in this split, so there is nothing to evaluate")
    ranked = ranked_items(model, split, config, max(ks))
    per_user = per_user_metrics(ranked, split.positives, metrics, ks)
    means = {name: float(values.mean()) for name, values in per_user.items()}
    n_ranked = model.n_items if split.candidates is None else len(split.candidates)
    return Evaluation(split.name, split.users, per_user, means, n_ranked)


def ranked_items(model: Model, split: EvalSplit, config: Mapping[str, Any], k: int) -> np.ndarray:
    """The rankings that `evaluate` scores: ids of each user's k best items, best first, int64 [n_users, k].

    Raises:
        DataError: fewer than k items can be ranked.
        UserError: a score is NaN.
    """
    with _evaluation_mode(model), without_ids(model, split.cold_items):
        return rank(model, split, k, config["eval_batch_size"], config["device"])


def requested_metrics(config: Mapping[str, Any]) -> tuple[list[str], list[int]]:
    """Lower-case metric names and ascending cutoffs that `metrics` and `topk` ask for; each may be one or a list.

    Raises:
        ConfigError: unknown metric, no metric, or a cutoff that is no positive integer.
    """
    metrics, ks = config["metrics"], config["topk"]
    metrics = [metrics] if isinstance(metrics, str) else list(metrics or [])
    ks = list(ks) if isinstance(ks, list | tuple) else [ks]
    if not metrics:
        raise ConfigError(f"metrics is empty: name at least one of {', '.join(METRICS.names())}")
    for name in metrics:
        METRICS.get(str(name).lower())
    for k in ks or [None]:
        if not isinstance(k, int) or isinstance(k, bool) or k < 1:
            raise ConfigError(f"topk must be a positive integer or a list of such, not {config['topk']!r}")
    return [str(name).lower() for name in metrics], sorted(set(ks))


@contextmanager
def _evaluation_mode(model: Model) -> Iterator[None]:
    """Evaluation mode inside; afterwards each module is in its own mode again (a frozen part may stay in eval)."""
    training = [module for module in model.modules() if module.training]
    model.eval()
    try:
        yield
    finally:
        for module in training:
            module.training = True


@contextmanager
def without_ids(model: Model, items: np.ndarray | None) -> Iterator[None]:
    """The free id vectors of `items` are zero inside, and bit for bit what they were afterwards."""
    scoring = scorer(model)
    tables = scoring.item_id_tables() if items is not None and isinstance(scoring, HasFreeItems) else []
    rows = [table.detach() for table in tables]  # shares memory, needs no gradient
    kept = [table[items] for table in rows]
    for table in rows:
        table[items] = 0.0
    try:
        yield
    finally:
        for table, values in zip(rows, kept, strict=True):
            table[items] = values
