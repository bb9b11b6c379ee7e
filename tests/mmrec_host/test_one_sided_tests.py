"""The tests that results tables use in scipy's place give scipy's p-values."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from mmrec_host.evaluation.one_sided_tests import student_t_tail, t_test_greater, wilcoxon_greater
from mmrec_host.evaluation.significance import FEW, paired_test


@pytest.mark.parametrize("freedom", [2, 3, 10, 49, 50, 299, 300, 301, 1999])
def test_students_tail_is_scipys_at_every_depth(freedom: int) -> None:
    """From both sides of where the series ends and the fraction begins (2) to p-values of 1e-100."""
    ts = [-3.0, -0.5, 0.0, 1e-6, 0.3, 1.0, 1.999, 2.0, 2.001, 3.0, 6.0, 12.0, 30.0]
    tails = np.array([student_t_tail(t, freedom) for t in ts])
    expected = stats.t.sf(ts, freedom)
    np.testing.assert_allclose(tails, expected, rtol=1e-12, atol=1e-300)


def test_students_tail_with_one_degree_of_freedom_is_cauchys() -> None:
    ts = np.array([1e-6, 0.5, 1.0, 2.0, 3.0, 1e4])
    tails = [student_t_tail(t, 1) for t in ts]
    np.testing.assert_allclose(tails, np.arctan2(1, ts) / np.pi, rtol=1e-13)


def test_students_tail_of_very_many_users_is_nearly_the_normal_one() -> None:
    ts = np.array([0.1, 1.0, 2.5, 5.0])
    tails = [student_t_tail(t, 10**9) for t in ts]
    np.testing.assert_allclose(tails, stats.norm.sf(ts), rtol=1e-6)
    np.testing.assert_allclose([student_t_tail(t, 192_402) for t in ts], stats.t.sf(ts, 192_402), rtol=1e-12)


@pytest.mark.parametrize("n", [FEW + 1, 80, 999, 20_000])
@pytest.mark.parametrize("shift", [-0.3, 0.0, 0.02, 0.5])
@pytest.mark.parametrize("decimals", [1, 12], ids=["many ties and zeros", "no ties"])
def test_p_values_of_samples_are_scipys(n: int, shift: float, decimals: int) -> None:
    rng = np.random.default_rng(n)
    differences = np.round(rng.normal(shift, 1.0, n), decimals)
    ours = [t_test_greater(differences), wilcoxon_greater(differences)]
    theirs = [
        stats.ttest_1samp(differences, 0.0, alternative="greater").pvalue,
        stats.wilcoxon(differences, alternative="greater").pvalue,
    ]
    np.testing.assert_allclose(ours, theirs, rtol=1e-11, atol=1e-300)
    np.testing.assert_allclose(ours, theirs, rtol=0, atol=1e-12)


@pytest.mark.parametrize("n", [2, 5, FEW - 1, FEW, FEW + 1, FEW + 2])
def test_around_the_number_of_users_where_scipy_takes_over(n: int) -> None:
    rng = np.random.default_rng(n)
    first, second = rng.random(n) + 0.2, rng.random(n)
    difference = np.round(first - second, 12)
    test = paired_test(first, second)
    t_test = stats.ttest_1samp(difference, 0.0, alternative="greater").pvalue
    wilcoxon = stats.wilcoxon(difference, alternative="greater").pvalue
    assert test.t_test == pytest.approx(min(1, 2 * t_test), rel=1e-11)
    assert test.wilcoxon == pytest.approx(min(1, 2 * wilcoxon), rel=1e-11)
