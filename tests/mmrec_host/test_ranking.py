"""Ranking and evaluation: agreement with a slow reference, masks, candidates, faults."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from torch import nn

from mmrec_host.data.eval_split import EvalSplit
from mmrec_host.data.ragged import Ragged
from mmrec_host.errors import DataError, UserError
from mmrec_host.evaluation.evaluator import evaluate
from mmrec_host.evaluation.options import EvaluationOptions
from mmrec_host.evaluation.ranking import rank
from mmrec_host.models.base import Recommender

N_USERS, N_ITEMS = 30, 40
CPU = torch.device("cpu")
OPTIONS = EvaluationOptions(("recall", "ndcg"), (5, 10), "recall@10", batch_size=7, device=CPU)


class DotProduct(Recommender):
    """Random user and item vectors; counts how often they were computed."""

    def __init__(self) -> None:
        features = SimpleNamespace(v=None, t=None)
        super().__init__({"device": CPU}, SimpleNamespace(n_users=N_USERS, n_items=N_ITEMS, features=features))
        draw = torch.Generator().manual_seed(3)
        self.user_vectors = nn.Parameter(torch.randn(N_USERS, 8, generator=draw))
        self.item_vectors = nn.Parameter(torch.randn(N_ITEMS, 8, generator=draw))
        self.frozen_part = nn.Dropout()
        self.n_prepared = 0

    def item_id_tables(self) -> list[torch.Tensor]:
        return [self.item_vectors]

    def representations(self) -> tuple[torch.Tensor, torch.Tensor]:
        self.n_prepared += 1
        assert not self.training
        return self.user_vectors, self.item_vectors


class MMRecLike(nn.Module):
    """Has only what an MMRec model has."""

    n_items = N_ITEMS

    def __init__(self, model: DotProduct) -> None:
        super().__init__()
        self.model = model
        self.masks: list[torch.Tensor] = []

    def full_sort_predict(self, interaction: list[torch.Tensor]) -> torch.Tensor:
        users, mask = interaction
        self.masks.append(mask)
        return self.model.user_vectors[users] @ self.model.item_vectors.T


@pytest.fixture
def model() -> DotProduct:
    return DotProduct().eval()


def make_split(candidates: np.ndarray | None = None) -> EvalSplit:
    """25 shuffled users with 0 to 5 masked items and 1 to 4 positives each."""
    rng = np.random.default_rng(11)
    users = rng.permutation(N_USERS)[:25]
    rows = [rng.permutation(N_ITEMS) for _ in users]
    mask = [row[: rng.integers(0, 6)] for row in rows]
    positives = [row[6 : 6 + rng.integers(1, 5)] for row in rows]
    parts = [
        Ragged(np.cumsum([0, *map(len, part)]).astype(np.int64), np.concatenate(part)) for part in (positives, mask)
    ]
    return EvalSplit("valid", users, *parts, candidates)


def reference_ranking(model: DotProduct, split: EvalSplit, k: int) -> np.ndarray:
    candidates = np.arange(N_ITEMS) if split.candidates is None else split.candidates
    rows = []
    for row, user in enumerate(split.users):
        scores = (model.item_vectors @ model.user_vectors[user]).tolist()
        masked = set(split.mask.row(row).tolist())
        rows.append(sorted(candidates.tolist(), key=lambda i: (i in masked, -scores[i]))[:k])
    return np.array(rows)


@pytest.mark.parametrize("batch_size", [1, 7, 25, 4096])
def test_equals_sorting_each_users_unmasked_items(model: DotProduct, batch_size: int) -> None:
    split = make_split()
    ranked = rank(model, split, 20, batch_size, CPU).items
    np.testing.assert_array_equal(ranked, reference_ranking(model, split, 20))
    assert model.n_prepared == 1


def test_candidates_are_ranked_among_themselves_with_their_own_ids(model: DotProduct) -> None:
    split = make_split(candidates=np.array([39, 3, 17, 8, 21, 30]))
    np.testing.assert_array_equal(rank(model, split, 4, 7, CPU).items, reference_ranking(model, split, 4))


def test_model_with_only_full_sort_predict_gets_the_mask_in_batch_rows(model: DotProduct) -> None:
    mmrec, split = MMRecLike(model), make_split()
    np.testing.assert_array_equal(rank(mmrec, split, 20, 7, CPU).items, reference_ranking(model, split, 20))
    second = split.mask.slice(7, 14)
    np.testing.assert_array_equal(mmrec.masks[1], np.stack([second.row_ids(), second.values]))


def test_score_block_is_reused_and_small_enough(model: DotProduct, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("mmrec_host.evaluation.ranking.CACHE_BLOCK", 4 * N_ITEMS * 6)
    monkeypatch.setattr("mmrec_host.evaluation.ranking.CACHE_ROWS", 1)
    blocks = []
    score_users = model.score_users

    def spy(users: torch.Tensor, out: torch.Tensor | None = None) -> torch.Tensor:
        scores = score_users(users, out=out)
        blocks.append((tuple(scores.shape), scores.data_ptr()))
        return scores

    monkeypatch.setattr(model, "score_users", spy)
    rank(model, make_split(), 5, 4096, CPU)
    assert [shape for shape, _ in blocks] == [(6, N_ITEMS)] * 4 + [(1, N_ITEMS)]
    assert len({address for _, address in blocks}) == 1


def test_half_precision_scores_can_be_masked(model: DotProduct) -> None:
    split = make_split()
    ranked = rank(model.half(), split, 34, 4096, CPU).items
    for row in range(len(split.users)):
        assert not set(ranked[row].tolist()) & set(split.mask.row(row).tolist())


def test_too_few_items_is_an_error_that_says_how_many_there_are(model: DotProduct) -> None:
    with pytest.raises(DataError, match="41 places .* 40 items"):
        rank(model, make_split(), 41, 7, CPU)
    with pytest.raises(DataError, match="valid: 5 places .* 3 candidate items. Set topk to at most 3"):
        rank(model, make_split(np.array([1, 2, 3])), 5, 7, CPU)


def test_nan_score_is_an_error_that_names_the_model_and_the_user(model: DotProduct) -> None:
    split = make_split()
    with torch.no_grad():
        model.user_vectors[split.users[9]] = float("nan")
    with pytest.raises(UserError, match=f"DotProduct .*NaN.* first is user {split.users[9]}"):
        rank(model, split, 5, 7, CPU)


def test_evaluate_counts_hits_like_a_plain_loop_and_restores_the_modes(model: DotProduct) -> None:
    model.train()
    model.frozen_part.eval()
    split = make_split()
    evaluation = evaluate(model, split, OPTIONS)
    assert model.training and not model.frozen_part.training
    ranked = reference_ranking(model, split, 10)
    recall = [
        len(set(ranked[row].tolist()) & set(split.positives.row(row).tolist())) / len(split.positives.row(row))
        for row in range(len(split.users))
    ]
    np.testing.assert_allclose(evaluation.per_user["recall@10"], recall)
    assert evaluation.means["recall@10"] == pytest.approx(np.mean(recall))
    assert list(evaluation.means) == ["recall@5", "recall@10", "ndcg@5", "ndcg@10"]
    np.testing.assert_array_equal(evaluation.users, split.users)


def test_a_model_that_scores_all_items_alike_ties_at_every_cutoff_and_distinct_scores_at_none(model) -> None:
    assert evaluate(model, make_split(), OPTIONS).ties == {"5": 0.0, "10": 0.0}
    with torch.no_grad():
        model.item_vectors[:] = 1.0
    assert evaluate(model, make_split(), OPTIONS).ties == {"5": 1.0, "10": 1.0}


def test_a_tie_counts_at_the_cutoff_that_parts_it_alone(model: DotProduct) -> None:
    split = make_split()
    split = replace(split, mask=Ragged(np.zeros(26, np.int64), np.zeros(0, np.int64)))
    with torch.no_grad():  # the items' scores fall from 40 to 1 for all users, but 36 (5th) and 35 (6th) are both 35.5
        model.user_vectors[:] = torch.eye(8)[0]
        model.item_vectors[:, 0] = torch.arange(40.0, 0.0, -1.0)
        model.item_vectors[4:6, 0] = 35.5
    assert evaluate(model, split, OPTIONS).ties == {"5": 1.0, "10": 0.0}
    assert evaluate(model, split, replace(OPTIONS, cutoffs=(4, 6, 40))).ties == {"4": 0.0, "6": 0.0, "40": 0.0}
    masking = replace(split, mask=Ragged(np.arange(26) * 35, np.tile(np.arange(5, 40), 25)))
    assert evaluate(model, masking, replace(OPTIONS, cutoffs=(5, 6))).ties == {"5": 0.0, "6": 0.0}  # masked items


def test_cold_items_are_scored_without_their_id_vectors_which_come_back(model: DotProduct) -> None:
    cold = np.array([2, 5, 6, 7, 20])
    before = model.item_vectors.detach().clone()
    with_ids = evaluate(model, make_split(), OPTIONS).per_user["recall@10"]
    evaluation = evaluate(model, replace(make_split(), cold_items=cold), OPTIONS)
    assert torch.equal(model.item_vectors, before)
    with torch.no_grad():
        model.item_vectors[cold] = 0.0
    expected = evaluate(model, make_split(), OPTIONS)
    np.testing.assert_array_equal(evaluation.per_user["recall@10"], expected.per_user["recall@10"])
    assert not np.array_equal(evaluation.per_user["recall@10"], with_ids)


def test_modes_are_restored_after_an_error(model: DotProduct) -> None:
    model.train()
    with pytest.raises(DataError):
        evaluate(model, make_split(), replace(OPTIONS, cutoffs=(99,)))
    assert model.training


def test_split_without_users_is_an_error(model: DotProduct) -> None:
    empty = Ragged(np.zeros(1, np.int64), np.zeros(0, np.int64))
    with pytest.raises(DataError, match="test: no user"):
        evaluate(model, EvalSplit("test", np.zeros(0, np.int64), empty, empty, None), OPTIONS)
