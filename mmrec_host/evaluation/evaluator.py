"""Evaluation of a model on one split: ranking, then metrics."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from ..data.new_items import NEW
from ..errors import DataError
from ..models.contract import HasFreeItems, Model, scorer
from .cutoffs import can_rank, fitting, n_ranked
from .metrics import per_user_metrics
from .options import EvaluationOptions
from .ranking import Ranking, rank

if TYPE_CHECKING:
    from ..data.eval_split import EvalSplit


@dataclass(frozen=True)
class Evaluation:
    """Metrics of one model on one split.

    Attributes:
        split: its name.
        users: int64 [n_users].
        per_user: values of each user, `{"recall@20": float64 [n_users]}`.
        means: their means, `{"recall@20": float}`, never rounded.
        n_ranked: how many items were ranked for each user, known ones included.
        ties: cutoff -> share of the users whose scores are tied there, `{"20": float}`.
        beside: the evaluations of the rankings beside this one, by name.
    """

    split: str
    users: np.ndarray
    per_user: dict[str, np.ndarray]
    means: dict[str, float]
    n_ranked: int = 0
    ties: dict[str, float] = field(default_factory=dict)
    beside: dict[str, Evaluation] = field(default_factory=dict)

    def all_means(self) -> dict[str, float]:
        """The means, and those of the rankings beside this one as `<name>/recall@20`."""
        return self.means | {f"{g}/{m}": value for g, each in self.beside.items() for m, value in each.means.items()}

    def all_ties(self) -> dict[str, float]:
        """The shares of tied users, and those of the rankings beside this one as `<name>/20`."""
        return self.ties | {f"{g}/{k}": share for g, each in self.beside.items() for k, share in each.ties.items()}

    def arrays(self) -> dict[str, np.ndarray]:
        """The users and their values by name, those of the rankings beside this one under `<name>/`."""
        own = {"users": self.users, **self.per_user}
        return own | {f"{g}/{name}": array for g, each in self.beside.items() for name, array in each.arrays().items()}

    def chance_recall(self, k: int) -> float:
        """Recall@k that a random ranking has in expectation (known items are not counted out)."""
        return min(k / self.n_ranked, 1.0) if self.n_ranked else 0.0


def evaluate(model: Model, split: EvalSplit, options: EvaluationOptions) -> Evaluation:
    """Rank the split's users' items with `model` in evaluation mode, and score the rankings.

    Args:
        model: its modules' training modes are as before afterwards. Its free id vectors (`item_id_tables`) of the
            split's cold items are zero meanwhile: they were never trained.
        split: what to evaluate on. A cutoff that its items cannot fill is left out, and so is a ranking beside it of
            which none can be filled.

    Raises:
        DataError: no users, a user without positives, or fewer items than the smallest cutoff.
        UserError: a score is NaN.
    """
    if len(split.users) == 0:
        raise DataError(f"{split.name}: no user has a positive item in this split, so there is nothing to evaluate")
    asked, options = options, fitting(options, split, model.n_items)
    ranked, tied = _ranking(model, split, options)
    per_user = per_user_metrics(ranked, split.positives, options.metrics, options.cutoffs)
    ties = {str(k): float(tied[:, k - 1].mean()) for k in options.cutoffs}
    means = {name: float(values.mean()) for name, values in per_user.items()}
    rankings = {name: each for name, each in split.beside.items() if can_rank(options, each, model.n_items)}
    beside = {name: evaluate(model, each, asked) for name, each in rankings.items()}
    return Evaluation(split.name, split.users, per_user, means, n_ranked(split, model.n_items), ties, beside)


def selection_score(means: Mapping[str, float], options: EvaluationOptions) -> float:
    """What a state is selected by: `valid_metric` of the ranking that `selection` names, or the mean of both.

    Args:
        means: `Evaluation.all_means()`.
    """
    warm, new = means[options.valid_metric], means.get(f"{NEW}/{options.valid_metric}")
    if options.selection == "warm" or new is None:
        return warm
    return new if options.selection == "new" else (warm + new) / 2


def ranked_items(model: Model, split: EvalSplit, options: EvaluationOptions) -> np.ndarray:
    """The rankings that `evaluate` scores: ids of each user's best items, best first, int64 [n_users, largest cutoff].

    That is the largest one that can be filled.

    Raises:
        DataError: fewer items than the smallest cutoff can be ranked.
        UserError: a score is NaN.
    """
    return _ranking(model, split, fitting(options, split, model.n_items)).items


def _ranking(model: Model, split: EvalSplit, options: EvaluationOptions) -> Ranking:
    with _evaluation_mode(model), without_ids(model, split.cold_items):
        return rank(model, split, max(options.cutoffs), options.batch_size, options.device)


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
