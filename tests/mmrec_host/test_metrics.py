"""Metrics: MMRec's known answers, and equality with trec_eval where both define a metric alike."""

from __future__ import annotations

import numpy as np
import pytest
import pytrec_eval

from mmrec_host.data.ragged import Ragged
from mmrec_host.errors import ConfigError, DataError
from mmrec_host.evaluation.metrics import METRICS, hit_matrix, per_user_metrics


def ragged(*rows: list[int]) -> Ragged:
    return Ragged(np.cumsum([0, *map(len, rows)]), np.array(sum(rows, []), np.int64))


# Rankings with the hits 10100, 00000 and 01000 for users with 3, 1 and 7 positives.
RANKED = np.array([[10, 11, 12, 13, 14], [0, 1, 2, 3, 4], [5, 6, 7, 8, 9]])
POSITIVES = ragged([12, 99, 10], [50], [6, 70, 71, 72, 73, 74, 75])


@pytest.mark.parametrize(
    ("metric", "expected"),
    [
        ("Recall", 0.269841),
        ("Recall2", 0.272727),
        ("NDCG", 0.305968),
        ("Precision", 0.2),
        ("MAP", 0.218519),
        ("Hit", 2 / 3),
        ("MRR", (1 + 0 + 1 / 2) / 3),
        ("F1", (2 * 2 / (5 + 3) + 0 + 2 * 1 / (5 + 7)) / 3),
    ],
)
def test_known_answers(metric: str, expected: float) -> None:
    values = per_user_metrics(RANKED, POSITIVES, [metric], [5])
    assert list(values) == [f"{metric.lower()}@5"]
    assert values[f"{metric.lower()}@5"].mean() == pytest.approx(expected, abs=1e-6)


def test_ndcg_and_map_at_cutoffs_below_and_above_the_number_of_positives() -> None:
    values = per_user_metrics(RANKED[:1], POSITIVES.slice(0, 1), ["ndcg", "map"], [1, 2, 3, 5])
    discount = 1 / np.log2(np.arange(2, 7))
    ideal = np.cumsum(discount)
    gain = np.cumsum(discount * [1, 0, 1, 0, 0])
    assert values["ndcg@2"][0] == pytest.approx(gain[1] / ideal[1])
    assert values["ndcg@5"][0] == pytest.approx(gain[4] / ideal[2])
    assert values["map@1"][0] == pytest.approx(1.0)
    assert values["map@2"][0] == pytest.approx(1 / 2)
    assert values["map@3"][0] == values["map@5"][0] == pytest.approx((1 + 2 / 3) / 3)


def test_a_positive_listed_twice_counts_twice_in_the_denominator() -> None:
    values = per_user_metrics(np.array([[1, 2]]), ragged([1, 1]), ["recall", "ndcg"], [2])
    assert values["recall@2"][0] == 0.5
    assert values["ndcg@2"][0] == pytest.approx(1 / (1 + 1 / np.log2(3)))


@pytest.fixture(scope="module")
def random_rankings() -> tuple[np.ndarray, Ragged]:
    rng = np.random.default_rng(7)
    ranked = np.stack([rng.permutation(60)[:20] for _ in range(200)])
    rows = [sorted(rng.choice(60, rng.integers(1, 40), replace=False).tolist()) for _ in range(200)]
    return ranked, ragged(*rows)


def trec_eval(ranked: np.ndarray, positives: Ragged, measure: str, k: int) -> np.ndarray:
    relevant = {str(u): {str(i): 1 for i in positives.row(u)} for u in range(len(ranked))}
    run = {str(u): {str(i): float(-place) for place, i in enumerate(row)} for u, row in enumerate(ranked)}
    values = pytrec_eval.RelevanceEvaluator(relevant, {f"{measure}.{k}"}).evaluate(run)
    return np.array([values[str(u)][f"{measure}_{k}"] for u in range(len(ranked))])


@pytest.mark.parametrize("k", [1, 5, 10, 20])
@pytest.mark.parametrize(
    ("metric", "measure"), [("recall", "recall"), ("precision", "P"), ("ndcg", "ndcg_cut"), ("hit", "success")]
)
def test_each_users_value_equals_trec_eval(random_rankings, metric: str, measure: str, k: int) -> None:
    ranked, positives = random_rankings
    values = per_user_metrics(ranked, positives, [metric], [k])[f"{metric}@{k}"]
    np.testing.assert_allclose(values, trec_eval(ranked, positives, measure, k), atol=1e-6)


@pytest.mark.parametrize("k", [1, 5, 10, 20])
@pytest.mark.parametrize(("metric", "measure"), [("mrr", "recip_rank"), ("f1", "set_F")])
def test_mrr_and_f1_equal_trec_eval_s_of_the_cut_ranking(random_rankings, metric: str, measure: str, k: int) -> None:
    ranked, positives = random_rankings
    relevant = {str(u): {str(i): 1 for i in positives.row(u)} for u in range(len(ranked))}
    run = {str(u): {str(i): float(-place) for place, i in enumerate(row[:k])} for u, row in enumerate(ranked)}
    found = pytrec_eval.RelevanceEvaluator(relevant, {measure}).evaluate(run)
    values = per_user_metrics(ranked, positives, [metric], [k])[f"{metric}@{k}"]
    np.testing.assert_allclose(values, [found[str(u)][measure] for u in range(len(ranked))], atol=1e-6)


@pytest.mark.parametrize("k", [1, 5, 10, 20])
def test_map_equals_trec_eval_up_to_the_denominator(random_rankings, k: int) -> None:
    """trec_eval divides by n, MMRec by min(k, n)."""
    ranked, positives = random_rankings
    n = positives.lengths
    values = per_user_metrics(ranked, positives, ["map"], [k])[f"map@{k}"]
    np.testing.assert_allclose(values * np.minimum(n, k) / n, trec_eval(ranked, positives, "map_cut", k), atol=1e-6)


def test_recall2_is_the_share_of_all_positives_that_were_found(random_rankings) -> None:
    ranked, positives = random_rankings
    found = sum(len(set(ranked[u, :10].tolist()) & set(positives.row(u).tolist())) for u in range(len(ranked)))
    values = per_user_metrics(ranked, positives, ["recall2"], [10])["recall2@10"]
    assert values.mean() == pytest.approx(found / len(positives.values))


def test_a_value_does_not_depend_on_the_other_cutoffs(random_rankings) -> None:
    ranked, positives = random_rankings
    together = per_user_metrics(ranked, positives, METRICS.names(), [5, 20])
    for name in METRICS.names():
        alone = per_user_metrics(ranked, positives, [name], [5])
        np.testing.assert_array_equal(together[f"{name}@5"], alone[f"{name}@5"])


def test_hits_of_ids_larger_than_any_positive_stay_in_their_own_row() -> None:
    # 7 would be the key of item 3 in row 1 if rows were as long as the largest positive.
    hits = hit_matrix(np.array([[7, 1], [0, 3]]), ragged([1], [3]))
    np.testing.assert_array_equal(hits, [[False, True], [False, True]])


def test_user_without_positives_is_refused() -> None:
    with pytest.raises(DataError, match="row 1 .*no positive"):
        per_user_metrics(RANKED[:2], ragged([1], []), ["recall"], [5])


def test_unknown_metric_is_refused_with_the_nearest_name() -> None:
    with pytest.raises(ConfigError, match="'ndgc', did you mean 'ndcg'"):
        per_user_metrics(RANKED, POSITIVES, ["NDGC"], [5])
