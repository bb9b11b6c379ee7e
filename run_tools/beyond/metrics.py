"""Metrics of lists beyond accuracy. Each gives a value for each user, or one for all lists together.

Notation: L_u is the list of user u, k its length; c_i is in how many lists item i is; n_i how many training
interactions it has; U how many users have some.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

import numpy as np

from mmrec_host.registry import Registry

from .lists import Lists

ListMetric = Callable[[Lists], "np.ndarray | float | None"]
Function = TypeVar("Function", bound=Callable[..., object])

LIST_METRICS = Registry("list metric", group="mmrec.list_metrics")
"""Lower-case name -> function of `Lists`. It returns float64 [n_users] (NaN: undefined for a user), a float for all
lists together, or None where what it needs is not known. Larger counts as better, but after `smaller_is_better`."""

SMOOTHING = 0.01  # alpha of Steck's (RecSys 2018)
BLOCK = 4_000_000  # entries of a temporary array


def smaller_is_better(metric: Function) -> Function:
    """Decorator of a list metric."""
    metric.smaller_is_better = True  # type: ignore[attr-defined]
    return metric


@LIST_METRICS.register("coverage")
def coverage(lists: Lists) -> float:
    """Share of the ranked items that are in some list (Herlocker et al., TOIS 2004: catalog coverage)."""
    return float((lists.counts > 0).sum() / lists.items.n_ranked)


@LIST_METRICS.register("gini")
@smaller_is_better
def gini(lists: Lists) -> float:
    """Gini's coefficient of c over the ranked items: 0, all are shown alike; near 1, few fill all lists.

    sum_i (2 i - n - 1) c_i / (n sum c), c ascending (Gunawardana and Shani, Recommender Systems Handbook, 2015).
    """
    n = lists.items.n_ranked
    counts = np.sort(lists.counts)[-n:]  # what is not ranked is in no list
    return float((2 * np.arange(1, n + 1) - n - 1) @ counts / (n * counts.sum()))


@LIST_METRICS.register("entropy")
def entropy(lists: Lists) -> float:
    """Shannon's entropy of what is shown, in bits: -sum_i p_i log2 p_i, p = c / sum c."""
    p = lists.counts[lists.counts > 0] / lists.counts.sum()
    return float(-(p * np.log2(p)).sum())


@LIST_METRICS.register("novelty")
def novelty(lists: Lists) -> np.ndarray:
    """Mean self-information of the items in bits, -log2(n_i / U); an item without interactions counts as having one.

    Zhou et al. (PNAS 2010); RecTools' MeanInvUserFreq.
    """
    information = -np.log2(np.maximum(lists.items.popularity, 1) / lists.items.n_users)
    return information[lists.shown].mean(1)


@LIST_METRICS.register("popularity")
@smaller_is_better
def popularity(lists: Lists) -> np.ndarray:
    """Mean number of training interactions of the items, ARP (Yin et al., VLDB 2012)."""
    return lists.items.popularity[lists.shown].mean(1)


@LIST_METRICS.register("aplt")
def aplt(lists: Lists) -> np.ndarray:
    """Share of the list in the long tail (Abdollahpouri et al., FLAIRS 2019); see `Items.is_tail`."""
    return lists.items.is_tail[lists.shown].mean(1)


@LIST_METRICS.register("aclt")
def aclt(lists: Lists) -> np.ndarray:
    """Number of items of the list in the long tail (Abdollahpouri et al., FLAIRS 2019): k APLT."""
    return lists.items.is_tail[lists.shown].sum(1).astype(np.float64)


@LIST_METRICS.register("serendipity")
def serendipity(lists: Lists) -> np.ndarray:
    """Mean over the places of h max(0, PR_u(i) - PR(i)): hits that popularity would not have ranked so high.

    PR = (n + 1 - rank) / n of n items, rank in the user's list and by popularity; h is 1 for a hit, else 0. RecTools'
    Serendipity, after Ge, Delgado-Battenfeld, Jannach (RecSys 2010).
    """
    n = len(lists.items.popularity)
    places = np.arange(1, lists.shown.shape[1] + 1)
    gained = np.maximum(lists.items.popularity_rank[lists.shown] - places, 0) / n
    return (lists.hits * gained).mean(1)


@LIST_METRICS.register("diversity")
def diversity(lists: Lists) -> np.ndarray | None:
    """Mean Jaccard distance of the categories over all pairs of the list; without any in common, it is 1.

    Intra-list diversity (Ziegler et al., WWW 2005). None without categories, or for lists of one.
    """

    def distance(own: np.ndarray) -> np.ndarray:
        both = own @ own.transpose(0, 2, 1)
        sizes = own.sum(2)
        either = sizes[:, :, None] + sizes[:, None, :] - both
        first, second = np.triu_indices(own.shape[1], 1)
        return (1 - both / np.maximum(either, 1))[:, first, second].mean(1)

    return _over_pairs(lists, lists.items.categories, distance)


@LIST_METRICS.register("feature_diversity")
def feature_diversity(lists: Lists) -> np.ndarray | None:
    """Mean cosine distance of the items' frozen features over all pairs of the list.

    Intra-list diversity (Ziegler et al., WWW 2005). None without features, or for lists of one.
    """

    def distance(own: np.ndarray) -> np.ndarray:
        k = own.shape[1]
        summed = (own.sum(1) ** 2).sum(1) - (own**2).sum((1, 2))  # cosines of both orders of all pairs
        return 1 - summed / (k * (k - 1))

    return _over_pairs(lists, lists.items.features, distance)


def _over_pairs(
    lists: Lists, table: np.ndarray | None, distance: Callable[[np.ndarray], np.ndarray]
) -> np.ndarray | None:
    """`distance` of the rows of `table` [n_items, d] that each list shows, given as [n_lists, k, d], in blocks."""
    k = lists.shown.shape[1]
    if table is None or k < 2:
        return None
    step = max(1, BLOCK // (k * table.shape[1]))
    starts = range(0, len(lists.shown), step)
    return np.concatenate([distance(table[lists.shown[start : start + step]].astype(np.float64)) for start in starts])


@LIST_METRICS.register("calibration")
@smaller_is_better
def calibration(lists: Lists) -> np.ndarray | None:
    """KL(p || 0.99 q + 0.01 p) of the categories' shares in the user's training items, p, and in the list, q.

    An item's categories share it alike (Steck, Calibrated recommendations, RecSys 2018). NaN for a user whose training
    items have none; None without categories.
    """
    categories = lists.items.categories
    if categories is None:
        return None
    shares = categories / np.maximum(categories.sum(1, keepdims=True), 1)
    p = np.stack([shares[lists.history.row(u)].sum(0) for u in range(len(lists.shown))])
    p /= np.where(p.sum(1, keepdims=True) > 0, p.sum(1, keepdims=True), np.nan)
    q = np.stack([shares[row].sum(0) for row in lists.shown])
    q /= np.maximum(q.sum(1, keepdims=True), 1e-12)
    with np.errstate(divide="ignore", invalid="ignore"):
        terms = np.where(p == 0, 0.0, p * np.log(p / ((1 - SMOOTHING) * q + SMOOTHING * p)))
    return terms.sum(1)
