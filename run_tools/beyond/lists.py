"""The lists that users of a test split are shown, and what is known of the items in them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from mmrec_host.data.ragged import Ragged
from mmrec_host.evaluation.metrics import hit_matrix


@dataclass(frozen=True)
class Items:
    """What is known of the items of a dataset.

    Attributes:
        popularity: int64 [n_items], training interactions of each.
        n_users: users with training interactions.
        n_ranked: items that are ranked; all, but where a protocol says otherwise.
        categories: bool [n_items, n_categories]; None without any.
        features: float32 [n_items, d], rows of length 1 or 0; None without any.
    """

    popularity: np.ndarray
    n_users: int
    n_ranked: int
    categories: np.ndarray | None = None
    features: np.ndarray | None = None

    @cached_property
    def is_tail(self) -> np.ndarray:
        """Bool [n_items]: not among the fewest most popular items that have 80 % of the interactions together.

        Abdollahpouri, Burke, Mobasher (FLAIRS 2019).
        """
        order = np.argsort(-self.popularity, kind="stable")
        before = np.cumsum(self.popularity[order]) - self.popularity[order]
        tail = np.empty(len(order), bool)
        tail[order] = before >= 0.8 * self.popularity.sum()
        return tail

    @cached_property
    def popularity_rank(self) -> np.ndarray:
        """Place of each item by popularity, 1 for the most popular, int64 [n_items]; of equals the smaller id first.

        Those without interactions share the place behind all.
        """
        ranks = np.empty(len(self.popularity), np.int64)
        ranks[np.argsort(-self.popularity, kind="stable")] = np.arange(1, len(ranks) + 1)
        return np.where(self.popularity > 0, ranks, len(ranks) + 1)


@dataclass(frozen=True)
class Lists:
    """One list of equal length for each user of a test split.

    Attributes:
        shown: item ids [n_users, k], best first.
        hits: bool [n_users, k], whether each is a test item of its user.
        history: the training items of each user.
        items: what is known of the items.
    """

    shown: np.ndarray
    hits: np.ndarray
    history: Ragged
    items: Items

    @classmethod
    def make(cls, ranked: np.ndarray, positives: Ragged, history: Ragged, items: Items) -> Lists:
        """The lists `ranked` [n_users, k]; `positives` are the test items of each user."""
        return cls(ranked, hit_matrix(ranked, positives), history, items)

    def first(self, k: int) -> Lists:
        """The first k places of each list."""
        return replace(self, shown=self.shown[:, :k], hits=self.hits[:, :k])

    @cached_property
    def counts(self) -> np.ndarray:
        """In how many lists each item is, int64 [n_items]."""
        return np.bincount(self.shown.ravel(), minlength=len(self.items.popularity))


def category_matrix(categories: Mapping[int, list[str]], n_items: int) -> np.ndarray | None:
    """Bool [n_items, n_categories]; None without any category."""
    names = {name: column for column, name in enumerate(sorted({n for each in categories.values() for n in each}))}
    if not names:
        return None
    matrix = np.zeros((n_items, len(names)), bool)
    for item, own in categories.items():
        matrix[item, [names[name] for name in own]] = True
    return matrix
