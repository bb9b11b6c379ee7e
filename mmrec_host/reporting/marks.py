"""Which best values of a results table are significantly better than the second, from the runs' per-user metrics."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from ..errors import DataError
from ..evaluation.significance import UserValues, best_against_others
from ..runs.record import RunRecord
from .cells import DAGGER

ALPHA = 0.05


def significantly_best(
    rows: Sequence[Sequence[RunRecord]], means: Mapping[str, Sequence[float | None]]
) -> tuple[set[str], list[str]]:
    """Metrics whose best row is significantly better than the second, and notes that say how it was tested.

    Significant: both a paired t-test and a Wilcoxon signed-rank test over users have p < 0.05 after Holm's correction.

    Args:
        rows: the runs of each row, one a seed.
        means: metric -> the value of each row.
    """
    orders: dict[str, dict[str, list[int]]] = {}  # of each ranking, of each of its metrics
    for metric, column in means.items():
        known = {row: value for row, value in enumerate(column) if value is not None}
        if len(known) > 1:
            ranking = metric.rpartition("/")[0]
            orders.setdefault(ranking, {})[metric] = sorted(known, key=lambda row: -known[row])
    marked: set[str] = set()
    notes: list[str] = []
    for ranking, order in orders.items():
        found, said = _tested(rows, ranking, order)
        marked |= found
        notes += [f"{ranking.capitalize()}: {note}" if ranking else note for note in said]
    return marked, notes


def _tested(
    rows: Sequence[Sequence[RunRecord]], ranking: str, orders: Mapping[str, Sequence[int]]
) -> tuple[set[str], list[str]]:
    """The marked metrics of one ranking, a family of comparisons of its own, and notes."""
    notes: list[str] = []
    models = [user_values(runs, list(orders), notes) for runs in rows]
    p_values, n_comparisons = best_against_others(models, orders)
    if not p_values:
        return set(), [*notes, "Significance was not tested: no best and other were evaluated on the same users."]
    marked = {metric for metric, p in p_values.items() if max(p.t_test, p.wilcoxon) < ALPHA}
    users = max(len(model.users) for model in models if model is not None)
    shown = ", ".join(f"{metric} {_shown(p.t_test)} and {_shown(p.wilcoxon)}" for metric, p in p_values.items())
    found = f"{DAGGER}: the best is" if marked else "No best is"
    notes.append(
        f"{found} significantly better than the second: p < {ALPHA} in both a paired t-test and a Wilcoxon signed-rank "
        f"test, two-sided, over {users} users with their means over seeds, Holm-corrected over {n_comparisons} "
        f"comparisons of a best with another. p: {shown}."
    )
    return marked, notes


def user_values(runs: Sequence[RunRecord], metrics: Sequence[str], notes: list[str]) -> UserValues | None:
    """Values of `metrics`, of one ranking, of each user over the runs; None, with a note, if they cannot be read."""
    ranking = metrics[0].rpartition("/")[0]
    users = f"{ranking}/users" if ranking else "users"
    try:
        arrays = [run.per_user([users, *metrics]) for run in runs]
        for run, each in zip(runs, arrays):
            if len({len(array) for array in each.values()}) > 1:
                raise DataError(f"{run.path / 'per_user.npz'}: its rows are of different lengths")
    except DataError as error:
        notes.append(f"{runs[0].info['label']} is in no significance test: {error}.")
        return None
    return UserValues.over_seeds([{**each, "users": each[users]} for each in arrays], metrics)


def _shown(p: float) -> str:
    return f"{p:.2g}" if p >= 1e-16 else "<1e-16"
