"""Whether one model's users fare better than another's: paired tests over users, and Holm's correction."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from ..errors import DataError
from .one_sided_tests import t_test_greater, wilcoxon_greater

FEW = 50  # users, up to which Wilcoxon's test has an exact distribution in scipy


@dataclass(frozen=True)
class PairedTest:
    """p-values of one comparison."""

    t_test: float
    wilcoxon: float


def paired_test(first: np.ndarray, second: np.ndarray) -> PairedTest:
    """Is `first` larger? Paired t-test and Wilcoxon signed-rank test of two models' values of the same users.

    The p-values are those of two-sided tests where a test finds `first` larger, and 1 where it finds it smaller (the
    two may disagree: one tests the mean, the other ranks). Without a difference, or with a single user, both are 1.
    Up to 50 users, Wilcoxon's is from the exact distribution of the ranks where there are no ties.

    Args:
        first, second: float [n_users].

    Raises:
        DataError: the values are not of the same users.
    """
    if first.shape != second.shape:
        raise DataError(f"a paired test needs the same users on both sides, not {len(first)} and {len(second)} of them")
    # Means over seeds differ by rounding errors, which are no differences but would be ranked like ones.
    difference = np.round(first - second, 12)
    if len(difference) < 2 or not difference.any():
        return PairedTest(1.0, 1.0)
    same_for_all = np.ptp(difference) == 0  # then t is infinite
    t_test = float(difference[0] < 0) if same_for_all else t_test_greater(difference)
    if len(difference) > FEW:
        wilcoxon = wilcoxon_greater(difference)
    else:
        from scipy import stats  # a second of CPU time, which tables of more users do without

        wilcoxon = stats.wilcoxon(difference, alternative="greater").pvalue
    return PairedTest(min(1.0, 2 * t_test), min(1.0, 2 * float(wilcoxon)))


def two_sided_test(first: np.ndarray, second: np.ndarray) -> PairedTest:
    """Do the values differ, whichever is larger? Arguments and tests as in `paired_test`."""
    up, down = paired_test(first, second), paired_test(second, first)
    return PairedTest(min(up.t_test, down.t_test), min(up.wilcoxon, down.wilcoxon))


def holm(p_values: Sequence[float] | np.ndarray) -> np.ndarray:
    """p-values adjusted for their number by Holm's step-down method (Scand. J. Statist. 6, 1979), in their order."""
    p_values = np.asarray(p_values, np.float64)
    order = np.argsort(p_values)
    scaled = p_values[order] * np.arange(len(p_values), 0, -1)
    adjusted = np.empty_like(p_values)
    adjusted[order] = np.minimum(np.maximum.accumulate(scaled), 1.0)
    return adjusted


@dataclass(frozen=True)
class UserValues:
    """Values of users, each the mean over the seeds in which the user was evaluated.

    Attributes:
        users: int64 [n_users], sorted.
        values: metric -> float64 [n_users].
    """

    users: np.ndarray
    values: dict[str, np.ndarray]

    @classmethod
    def over_seeds(cls, seeds: Sequence[Mapping[str, np.ndarray]], metrics: Sequence[str]) -> UserValues:
        """The means over `seeds`, a mapping each with `users` and an array of values for each metric."""
        users, rows = np.unique(np.concatenate([seed["users"] for seed in seeds]), return_inverse=True)
        counts = np.bincount(rows)
        return cls(users, {m: np.bincount(rows, np.concatenate([seed[m] for seed in seeds])) / counts for m in metrics})


def best_against_others(
    models: Sequence[UserValues | None], orders: Mapping[str, Sequence[int]]
) -> tuple[dict[str, PairedTest], int]:
    """Test the best model of each metric against every other one that was evaluated on the same users.

    Args:
        models: None for one whose users' values are not known.
        orders: metric -> model numbers, best first.

    Returns:
        Metric -> p-values of the best against the second, adjusted by Holm's method over all comparisons made (a metric
        is absent if these two cannot be compared), and the number of comparisons.
    """
    tests: dict[tuple[str, int], PairedTest] = {}
    for metric, (best, *others) in orders.items():
        for other in others:
            a, b = models[best], models[other]
            if a is not None and b is not None and np.array_equal(a.users, b.users):
                tests[metric, other] = paired_test(a.values[metric], b.values[metric])
    t_tests = dict(zip(tests, holm([test.t_test for test in tests.values()]), strict=True))
    wilcoxons = dict(zip(tests, holm([test.wilcoxon for test in tests.values()]), strict=True))
    against_second = {}
    for metric, order in orders.items():
        key = metric, order[1]
        if key in tests:
            against_second[metric] = PairedTest(float(t_tests[key]), float(wilcoxons[key]))
    return against_second, len(tests)
