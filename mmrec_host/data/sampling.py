"""Uniform negatives, a whole epoch at a time."""

from __future__ import annotations

import numpy as np

from ..errors import DataError

FILTER_SLOTS = 8  # bytes a training pair, or up to twice as many


class NegativeSampler:
    """Draws, for each user, an item with training rows that the user did not take in training (MMRec's rule).

    Collisions are found among the sorted keys `user * n_items + item`, and only they are drawn again. A small table of
    the keys' last bits tells of most pairs that they are none; only the others are searched for.

    Raises:
        DataError: a user took every item, so that no negative exists.
    """

    def __init__(self, users: np.ndarray, items: np.ndarray, n_items: int) -> None:
        self.n_items = n_items
        self.pool = np.unique(items)
        self._keys = np.unique(users * n_items + items)
        self._last_bits = FILTER_SLOTS * (1 << len(self._keys).bit_length()) - 1
        self._filter = np.zeros(self._last_bits + 1, bool)
        self._filter[self._keys & self._last_bits] = True
        taken = np.bincount(self._keys // n_items)
        if taken.max() >= len(self.pool):
            raise DataError(
                f"user {taken.argmax()} has all {len(self.pool)} items in training: there is no negative to draw."
            )

    def known(self, users: np.ndarray, items: np.ndarray) -> np.ndarray:
        """Whether each user and item are a training pair, bool [n]."""
        keys = users * self.n_items + items
        known = self._filter[keys & self._last_bits]
        maybe = np.flatnonzero(known)
        wanted = keys[maybe]
        at = np.searchsorted(self._keys, wanted)
        known[maybe] = self._keys[np.minimum(at, len(self._keys) - 1)] == wanted
        return known

    def draw(self, users: np.ndarray, rng: np.random.Generator, pool: np.ndarray | None = None) -> np.ndarray:
        """One negative item int64 [n] for each user, from `pool` (default: all items with training rows).

        Every user must have at least one item of the pool that is no training item of theirs.
        """
        pool = self.pool if pool is None else pool
        drawn = pool[rng.integers(0, len(pool), len(users))]
        again = np.flatnonzero(self.known(users, drawn))
        while len(again):
            drawn[again] = pool[rng.integers(0, len(pool), len(again))]
            again = again[self.known(users[again], drawn[again])]
        return drawn
