"""Shares of hits with standard errors, users being the unit that varies."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from mmrec_host.evaluation.significance import holm

Z95 = 1.959964  # half the width of a 95 % interval, in standard errors
FEWEST_USERS = 20  # below, a standard error says little
ALPHA = 0.05


@dataclass(frozen=True)
class Estimate:
    """A value and its standard error over users; the error is NaN for a single user."""

    value: float
    error: float

    @property
    def margin(self) -> float:
        """Half the width of the 95 % interval (normal approximation)."""
        return Z95 * self.error

    @property
    def p_value(self) -> float:
        """Two-sided, of the value being 0; where all users agree (no error), 0 for any other value."""
        if self.error == 0 and self.value != 0:
            return 0.0
        if not self.error > 0:  # NaN: a single user
            return 1.0
        return math.erfc(abs(self.value) / self.error / math.sqrt(2))


def estimate_mean(values: np.ndarray, users: np.ndarray | None = None) -> Estimate:
    """Mean of `values` [n], where those of one user belong together.

    The standard error is that of a ratio of sums over users (sum of values over number of values), by linearisation.

    Args:
        users: whose value each is, int64 [n]; None if each is another user's.
    """
    mean = float(values.mean())
    residuals: np.ndarray = values - mean
    if users is not None:
        residuals = np.bincount(np.unique(users, return_inverse=True)[1], residuals)
    n_users = len(residuals)
    if n_users < 2:
        return Estimate(mean, math.nan)
    return Estimate(mean, float(np.sqrt((residuals**2).sum() * n_users / (n_users - 1)) / len(values)))


def verdicts(differences: Sequence[Estimate], n_users: Sequence[int]) -> list[str]:
    """`better`, `worse`, `unclear` or `too few` for each difference, after Holm's correction over those with users."""
    enough = [n >= FEWEST_USERS for n in n_users]
    adjusted = iter(holm([d.p_value for d, tested in zip(differences, enough) if tested]))
    found = []
    for difference, tested in zip(differences, enough):
        clear = tested and next(adjusted) < ALPHA
        found.append(("better" if difference.value > 0 else "worse") if clear else "unclear" if tested else "too few")
    return found
