"""Ranking metrics, by MMRec's definitions, at every cutoff at once and never rounded.

MRR and F1, which it lacks, are those of the literature.

Notation: h_j is 1 if the item at place j is a positive of the user, else 0; n is the user's number of positives (one
that is listed twice counts twice, as in MMRec).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from ..data.ragged import Ragged
from ..errors import DataError
from ..registry import Registry

Metric = Callable[[np.ndarray, np.ndarray], np.ndarray]

METRICS = Registry("metric", group="mmrec.metrics")
"""Lower-case name -> function of the hits (bool [n_users, K]) and the numbers of positives (int64 [n_users], all > 0).
It returns float64 [n_users, K], each user's value at cutoff 1, ..., K; the metric is the plain mean over the users."""


@METRICS.register("recall")
def recall(hits: np.ndarray, n_positives: np.ndarray) -> np.ndarray:
    """Share of the positives that are in the first k places: sum_{j<=k} h_j / n (not min(n, k))."""
    return np.cumsum(hits, axis=1) / n_positives[:, None]


@METRICS.register("recall2")
def recall2(hits: np.ndarray, n_positives: np.ndarray) -> np.ndarray:
    """Recall over all users' positives taken together: sum_u hits / sum_u n, as the mean of scaled per-user hits."""
    return np.cumsum(hits, axis=1) / n_positives.mean()


@METRICS.register("precision")
def precision(hits: np.ndarray, n_positives: np.ndarray) -> np.ndarray:
    """Share of the first k places that hold positives: sum_{j<=k} h_j / k."""
    return np.cumsum(hits, axis=1) / _places(hits)


@METRICS.register("ndcg")
def ndcg(hits: np.ndarray, n_positives: np.ndarray) -> np.ndarray:
    """sum_{j<=k} h_j / log2(j + 1), over its largest possible value, sum_{j<=min(n, k)} 1 / log2(j + 1)."""
    discounts = 1.0 / np.log2(_places(hits) + 1.0)
    ideal = np.cumsum(discounts)
    return np.cumsum(hits * discounts, axis=1) / ideal[_attainable(hits, n_positives) - 1]


@METRICS.register("map")
def mean_average_precision(hits: np.ndarray, n_positives: np.ndarray) -> np.ndarray:
    """Average precision: sum_{j<=k} precision@j h_j / min(k, n)."""
    return np.cumsum(precision(hits, n_positives) * hits, axis=1) / _attainable(hits, n_positives)


@METRICS.register("hit")
def hit(hits: np.ndarray, n_positives: np.ndarray) -> np.ndarray:
    """1 if a positive is in the first k places, else 0."""
    return np.maximum.accumulate(hits, axis=1).astype(np.float64)


@METRICS.register("mrr")
def reciprocal_rank(hits: np.ndarray, n_positives: np.ndarray) -> np.ndarray:
    """1 / the place of the first positive, 0 if it is behind place k (Voorhees, TREC-8, 1999)."""
    return np.maximum.accumulate(hits / _places(hits), axis=1)


@METRICS.register("f1")
def f1(hits: np.ndarray, n_positives: np.ndarray) -> np.ndarray:
    """Harmonic mean of the user's precision and recall, 2 sum_{j<=k} h_j / (k + n) (van Rijsbergen, 1979)."""
    return 2 * np.cumsum(hits, axis=1) / (_places(hits) + n_positives[:, None])


def _places(hits: np.ndarray) -> np.ndarray:
    return np.arange(1, hits.shape[1] + 1)


def _attainable(hits: np.ndarray, n_positives: np.ndarray) -> np.ndarray:
    """Number of positives that can be found, min(n, k), for each user and cutoff, int64 [n_users, K]."""
    return np.minimum(n_positives[:, None], _places(hits))


def hit_matrix(ranked: np.ndarray, positives: Ragged) -> np.ndarray:
    """Whether each ranked item is a positive of its row, bool [n_users, K].

    Args:
        ranked: item ids [n_users, K], best first.
        positives: the positives of each row of `ranked`.
    """
    if positives.values.size == 0:
        return np.zeros(ranked.shape, bool)
    stride = max(ranked.max(initial=0), positives.values.max()) + 1
    wanted = np.sort(positives.row_ids() * stride + positives.values)
    keys = np.arange(len(ranked))[:, None] * stride + ranked
    found = np.searchsorted(wanted, keys)
    return wanted[np.minimum(found, len(wanted) - 1)] == keys


def per_user_metrics(
    ranked: np.ndarray, positives: Ragged, metrics: Sequence[str], ks: Sequence[int]
) -> dict[str, np.ndarray]:
    """Values of each user, `{"recall@20": float64 [n_users]}`; a metric of the whole split is their mean.

    Args:
        ranked: item ids [n_users, >= max(ks)], best first.
        positives: the positives of each row of `ranked`.
        metrics: names in METRICS, in any case.
        ks: cutoffs.

    Raises:
        ConfigError: unknown metric.
        DataError: a user has no positive, for whom most metrics are undefined.
    """
    n_positives = positives.lengths
    if len(n_positives) and n_positives.min() == 0:
        row = int(n_positives.argmin())
        raise DataError(f"row {row} of the evaluation split has no positive item: leave such users out of the split")
    hits = hit_matrix(ranked[:, : max(ks)], positives)
    values = {}
    for name in dict.fromkeys(metric.lower() for metric in metrics):
        at_every_k = METRICS.get(name)(hits, n_positives)
        values.update({f"{name}@{k}": at_every_k[:, k - 1].copy() for k in ks})
    return values
