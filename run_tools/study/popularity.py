"""Where a row gains: among items that were taken seldom, sometimes or often in training."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ..page.estimates import Estimate, estimate_mean
from .places import TestPlaces

NAMES = ("seldom taken", "between", "often taken")


@dataclass(frozen=True)
class PopularityGroup:
    """Test interactions with items of about the same popularity: a third of all of them in each seed.

    Attributes:
        fewest, most: how often its items were taken in training.
        n_pairs: interactions in a seed, on average.
        share, other_share: of them whose item the row, and the other row, has among the first k.
        difference: of the shares, over all seeds.
        margin: half the width of its 95 % interval over users; None for a single user.
    """

    name: str
    fewest: int
    most: int
    n_pairs: float
    share: float
    other_share: float
    difference: float
    margin: float | None


def popularity_groups(pairs: Sequence[tuple[TestPlaces, TestPlaces]], k: int) -> list[PopularityGroup]:
    """The groups of a row and another one, seed by seed; none where the two were not tested on the same interactions.

    Args:
        pairs: places by the row and by the other one, of each seed.
        k: length of the rankings.
    """
    if not pairs or not all(np.array_equal(a.users, b.users) and np.array_equal(a.items, b.items) for a, b in pairs):
        return []
    group = np.concatenate([_thirds(ours.taken) for ours, _ in pairs])
    taken, users = (np.concatenate([getattr(ours, name) for ours, _ in pairs]) for name in ("taken", "users"))
    ours, theirs = (np.concatenate([_found(pair[side], k) for pair in pairs]) for side in (0, 1))
    groups = []
    for number, name in enumerate(NAMES):
        chosen = group == number
        if chosen.any():
            difference = estimate_mean((ours - theirs)[chosen], users[chosen])
            counts = int(taken[chosen].min()), int(taken[chosen].max()), chosen.sum() / len(pairs)
            shares = float(ours[chosen].mean()), float(theirs[chosen].mean())
            groups.append(PopularityGroup(name, *counts, *shares, difference.value, _margin(difference)))
    return groups


def _thirds(taken: np.ndarray) -> np.ndarray:
    """Number of the third that each interaction belongs to; items that were taken equally often stay together."""
    return np.searchsorted(np.quantile(taken, [1 / 3, 2 / 3], method="inverted_cdf"), taken, side="left")


def _found(places: TestPlaces, k: int) -> np.ndarray:
    return ((places.place > 0) & (places.place <= k)).astype(float)


def _margin(estimate: Estimate) -> float | None:
    return None if np.isnan(estimate.error) else estimate.margin
