"""p-values of two one-sided tests: those of scipy.stats, which takes a second to import."""

from __future__ import annotations

import math

import numpy as np

PRECISION = 1e-15


def t_test_greater(differences: np.ndarray) -> float:
    """Is the mean of `differences`, float [n], above 0? Student's t-test, one-sided."""
    n = len(differences)
    return student_t_tail(float(differences.mean() / (differences.std(ddof=1) / math.sqrt(n))), n - 1)


def wilcoxon_greater(differences: np.ndarray) -> float:
    """Do positive `differences`, float [n], have the larger ranks? Wilcoxon's signed-rank test, one-sided.

    Zeros are left out, ties share their mean rank, and the rank sum is taken as normal, with its variance corrected for
    ties: what scipy.stats does for more than 50 differences.
    """
    differences = differences[differences != 0]
    n = len(differences)
    _, group, sizes = np.unique(np.abs(differences), return_inverse=True, return_counts=True)
    ranks = (np.cumsum(sizes) - (sizes - 1) / 2)[group]
    ties = (sizes.astype(float) ** 3 - sizes).sum()
    variance = (n * (n + 1) * (2 * n + 1) - ties / 2) / 24
    z = (ranks[differences > 0].sum() - n * (n + 1) / 4) / math.sqrt(variance)
    return math.erfc(z / math.sqrt(2)) / 2


def student_t_tail(t: float, freedom: int) -> float:
    """P(T > t) of Student's t with `freedom` degrees of freedom.

    For t >= 0, half of the incomplete beta function I_x(a, 1/2), a = freedom / 2, x = freedom / (freedom + t^2): by its
    continued fraction in the tail, by a power series near the mean (Didonato and Morris, ACM TOMS 18, 1992, equations
    7 to 9).
    """
    if t < 0:
        return 1 - student_t_tail(-t, freedom)
    a, odds = freedom / 2, t * t / freedom
    y = odds / (1 + odds)
    # x^a y^(1/2) / B(a, 1/2); logarithms of the gamma function would lose digits
    front = math.exp(-a * math.log1p(odds)) * math.sqrt(y / math.pi) * _gamma_ratio(a)
    return front * _fraction(y, a) / 2 if t > 2 else 0.5 - front * _series(y, a)


def _gamma_ratio(a: float) -> float:
    """Gamma(a + 1/2) / Gamma(a), exact or by its asymptotic series."""
    if a < 150:
        return math.gamma(a + 0.5) / math.gamma(a)
    return math.sqrt(a) * (1 - 1 / (8 * a) + 1 / (128 * a**2) + 5 / (1024 * a**3) - 21 / (32768 * a**4))


def _series(y: float, a: float) -> float:
    """The sum over n of (a + 1/2)_n / (3/2)_n y^n, in which all terms are positive."""
    total = term = 1.0
    n = 0
    while term > PRECISION * total:
        term *= (a + 0.5 + n) / (1.5 + n) * y
        total += term
        n += 1
    return total


def _fraction(y: float, a: float) -> float:
    """The continued fraction of I_x(a, 1/2) by Lentz's method, in terms of y = 1 - x, which loses no digits."""
    x, b = 1 - y, 0.5
    excess = (a + b) * y - b
    value = d = (a + 1) / a / (excess + 1)
    c, n, factor = math.inf, 0, 0.0
    while abs(factor - 1) > PRECISION:
        n += 1
        place = a + 2 * n - 1
        top = (a + n - 1) * (a + b + n - 1) * n * (b - n) * (x / place) ** 2
        bottom = n + n * (b - n) * x / place + (a + n) / (place + 2) * (excess + 1 + n * (1 + y))
        d = 1 / (bottom + top * d)
        c = bottom + top / c
        factor = c * d
        value *= factor
    return value
