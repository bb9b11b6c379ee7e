"""Rows against rows: paired differences by seed, intervals and tests over users, and what of a gain a control has."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from mmrec_host.errors import DataError
from mmrec_host.evaluation.significance import UserValues, holm, two_sided_test
from mmrec_host.runs.record import RunRecord

from ..page.estimates import estimate_mean
from .results import RowResult, key_of
from .study_file import Row

ALPHA = 0.05
LEAST = 0.005  # of a row of which percentages are told: those of next to nothing tell nothing


@dataclass(frozen=True)
class Comparison:
    """A row less another one, by one metric of one ranking, over the seeds that both have.

    Attributes:
        differences: seed -> difference.
        std: standard deviation of the differences; None for a single seed.
        up: seeds in which the row is better.
        relative: the mean difference in units of the other row's mean; None if that is below `LEAST`.
        margin: half the width of the mean's 95 % interval over users; None where the users' values are not known.
        t_test, wilcoxon: two-sided p-values over users, each with its mean over seeds; None likewise.
        p: the larger of the two, adjusted by Holm's method over all comparisons of the study.
    """

    row: str
    against: str
    ranking: str
    metric: str
    differences: dict[int, float]
    mean: float
    std: float | None
    up: int
    relative: float | None
    n_users: int = 0
    margin: float | None = None
    t_test: float | None = None
    wilcoxon: float | None = None
    p: float | None = None

    @property
    def significant(self) -> bool:
        """Whether both tests say so."""
        return self.p is not None and self.p < ALPHA


@dataclass(frozen=True)
class Share:
    """What of a row's gain over another its control has too, and what is the row's own.

    Attributes:
        share: the control's gain in units of the row's; None where the row gains nothing.
        own: the row less its control.
    """

    row: str
    control: str
    against: str
    ranking: str
    metric: str
    gain: float
    control_gain: float
    share: float | None
    own: Comparison


class UserMetrics:
    """The users' metrics of runs, each file read once."""

    def __init__(self) -> None:
        self._read: dict[str, Mapping[str, np.ndarray] | None] = {}

    def of(self, run: RunRecord, ranking: str, metric: str) -> dict[str, np.ndarray] | None:
        """`users` and `value`; None if the run's file cannot be read or lacks them."""
        key = str(run.path)
        if key not in self._read:
            try:
                self._read[key] = run.per_user()
            except DataError:
                self._read[key] = None
        arrays, names = self._read[key], (key_of(ranking, "users"), key_of(ranking, metric))
        if arrays is None or not all(name in arrays for name in names):
            return None
        return dict(zip(("users", "value"), (arrays[name] for name in names)))


def compare(
    row: Row,
    results: Mapping[str, RowResult],
    runs: Mapping[str, Mapping[int, RunRecord]],
    users: UserMetrics,
) -> list[Comparison]:
    """A row against each one that it names, by every metric that both have; p-values are not adjusted yet.

    Args:
        results: by name of the row.
        runs: name of the row -> seed -> its finished run.
    """
    found = []
    for other in row.pairs:
        if row.name in results and other in results:
            for key in results[row.name].values:
                ranking, _, metric = key.rpartition("/")
                ours, theirs = results[row.name].values[key], results[other].values.get(key)
                seeds = [seed for seed in ours.seeds if theirs is not None and seed in theirs.seeds]
                if theirs is None or not seeds:
                    continue
                differences = {seed: ours.seeds[seed] - theirs.seeds[seed] for seed in seeds}
                each, base = list(differences.values()), float(np.mean([theirs.seeds[seed] for seed in seeds]))
                comparison = Comparison(
                    row.name,
                    other,
                    ranking,
                    metric,
                    differences,
                    float(np.mean(each)),
                    float(np.std(each, ddof=1)) if len(each) > 1 else None,
                    sum(difference > 0 for difference in each),
                    float(np.mean(each)) / base if base >= LEAST else None,
                )
                found.append(_tested(comparison, [(runs[row.name][s], runs[other][s]) for s in seeds], users))
    return found


def _tested(comparison: Comparison, pairs: Sequence[tuple[RunRecord, RunRecord]], users: UserMetrics) -> Comparison:
    sides = [[users.of(run, comparison.ranking, comparison.metric) for run in pair] for pair in pairs]
    ours, theirs = ([side[n] for side in sides if side[n] is not None] for n in (0, 1))
    same = len(ours) == len(theirs) == len(pairs) and all(
        np.array_equal(a["users"], b["users"]) for a, b in zip(ours, theirs) if a and b
    )
    if not same:
        return comparison
    first, second = (
        UserValues.over_seeds([s for s in side if s], ["value"]).values["value"] for side in (ours, theirs)
    )
    test = two_sided_test(first, second)
    difference = np.concatenate([a["value"] - b["value"] for a, b in zip(ours, theirs) if a and b])
    estimate = estimate_mean(difference, np.concatenate([a["users"] for a in ours if a]))
    margin = None if np.isnan(estimate.error) else estimate.margin
    return replace(comparison, n_users=len(first), margin=margin, t_test=test.t_test, wilcoxon=test.wilcoxon)


def adjusted(comparisons: Sequence[Comparison]) -> list[Comparison]:
    """The comparisons of a whole study with their p-values adjusted over all of them."""
    tested = [n for n, each in enumerate(comparisons) if each.t_test is not None]
    t_tests = holm([comparisons[n].t_test or 0.0 for n in tested])
    wilcoxons = holm([comparisons[n].wilcoxon or 0.0 for n in tested])
    larger = {n: float(max(pair)) for n, *pair in zip(tested, t_tests, wilcoxons)}
    return [replace(each, p=larger.get(n)) for n, each in enumerate(comparisons)]


def shares_of(row: Row, results: Mapping[str, RowResult], comparisons: Sequence[Comparison]) -> list[Share]:
    """What of the row's gains its control has.

    Args:
        comparisons: of one data set, adjusted.
    """
    if row.control is None or row.control not in results:
        return []
    own = {(c.ranking, c.metric): c for c in comparisons if (c.row, c.against) == (row.name, row.control)}
    found = []
    for each in comparisons:
        if each.row != row.name or each.against == row.control or (each.ranking, each.metric) not in own:
            continue
        key = key_of(each.ranking, each.metric)
        control, other = (results[name].values[key].seeds for name in (row.control, each.against))
        seeds = [seed for seed in each.differences if seed in control]
        if seeds:
            gain = float(np.mean([each.differences[seed] for seed in seeds]))
            control_gain = float(np.mean([control[seed] - other[seed] for seed in seeds]))
            share = control_gain / gain if gain > 0 else None
            names = row.name, row.control, each.against, each.ranking, each.metric
            found.append(Share(*names, gain, control_gain, share, own[each.ranking, each.metric]))
    return found
