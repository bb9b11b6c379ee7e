"""Significance: known answers, agreement with scipy's own paired tests, direction, Holm's correction."""

from __future__ import annotations

import warnings

import numpy as np
import pytest
from scipy import stats

from mmrec_host.errors import DataError
from mmrec_host.evaluation.significance import UserValues, best_against_others, holm, paired_test


@pytest.fixture
def better_and_worse() -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(5)
    worse = rng.integers(0, 4, 300) / 3
    return np.clip(worse + rng.integers(-1, 3, 300) / 3, 0, None), worse


def test_p_values_are_scipys_two_sided_ones_for_the_better_model(better_and_worse) -> None:
    better, worse = better_and_worse
    test = paired_test(better, worse)
    assert test.t_test == pytest.approx(stats.ttest_rel(better, worse).pvalue)
    assert test.wilcoxon == pytest.approx(stats.wilcoxon(np.round(better - worse, 12)).pvalue)
    assert max(test.t_test, test.wilcoxon) < 1e-3


def test_worse_model_is_never_significantly_better(better_and_worse) -> None:
    better, worse = better_and_worse
    test = paired_test(worse, better)
    assert test.t_test == test.wilcoxon == 1.0


def test_tests_that_disagree_in_direction_are_told_apart() -> None:
    """One user's large gain lifts the mean although nearly all users lose a little."""
    gains = np.full(200, -0.01) - np.arange(200) * 1e-5
    gains[0] = 50.0
    test = paired_test(gains, np.zeros(200))
    assert test.t_test < 1.0
    assert test.wilcoxon == 1.0


@pytest.mark.parametrize("n", [1, 2, 50])
def test_no_difference_but_rounding_errors_is_never_significant(n: int) -> None:
    values = np.full(n, 0.1 + 0.2)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        test = paired_test(values, np.full(n, 0.3))
    assert test.t_test == test.wilcoxon == 1.0


def test_same_gain_for_every_user() -> None:
    assert paired_test(np.full(60, 0.5), np.full(60, 0.25)).t_test == 0.0
    assert paired_test(np.full(60, 0.25), np.full(60, 0.5)).t_test == 1.0


def test_different_numbers_of_users_are_refused() -> None:
    with pytest.raises(DataError, match="not 3 and 2"):
        paired_test(np.zeros(3), np.zeros(2))


def test_holm_known_answer() -> None:
    """Smallest times 4, next at least as large and times 3, ...: Holm's example of four hypotheses."""
    np.testing.assert_allclose(holm([0.01, 0.04, 0.03, 0.005]), [0.03, 0.06, 0.06, 0.02])
    np.testing.assert_allclose(holm([0.6, 0.9]), [1.0, 1.0])
    assert holm([]).shape == (0,)


def test_users_values_are_means_over_the_seeds_in_which_they_were_evaluated() -> None:
    seeds = [
        {"users": np.array([4, 2]), "recall@5": np.array([1.0, 0.0])},
        {"users": np.array([2, 9]), "recall@5": np.array([0.5, 0.25])},
    ]
    means = UserValues.over_seeds(seeds, ["recall@5"])
    np.testing.assert_array_equal(means.users, [2, 4, 9])
    np.testing.assert_allclose(means.values["recall@5"], [0.25, 1.0, 0.25])


def test_best_is_tested_against_all_and_reported_against_the_second(better_and_worse) -> None:
    better, worse = better_and_worse
    users = np.arange(300)
    models = [UserValues(users, {"m": values}) for values in (worse, better, worse - 1.0)]
    against_second, n_comparisons = best_against_others(models, {"m": [1, 0, 2]})
    assert n_comparisons == 2
    alone = paired_test(better, worse)
    # Holm: of two p-values, the larger one stays as it is and the smaller one is doubled.
    assert against_second["m"].t_test == pytest.approx(alone.t_test)
    assert against_second["m"].wilcoxon == pytest.approx(alone.wilcoxon)


def test_model_with_other_or_unknown_users_is_not_compared(better_and_worse) -> None:
    better, worse = better_and_worse
    users = np.arange(300)
    models = [UserValues(users, {"m": better}), UserValues(users + 1, {"m": worse}), None]
    assert best_against_others(models, {"m": [0, 1, 2]}) == ({}, 0)
