"""Top-k recommendations, and items alike, of a finished run."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import torch.nn.functional as F
from torch import Tensor

from mmrec_host.data.eval_split import EvalSplit
from mmrec_host.data.ragged import Ragged
from mmrec_host.evaluation.evaluator import without_ids
from mmrec_host.evaluation.ranking import MASKED_SCORE, ranked_batches
from mmrec_host.evaluation.score_vectors import vectors_of
from mmrec_host.runs.finished_run import FinishedRun

from .catalogue import Catalogue

Scored = list[tuple[int, float]]
"""Indices and scores, best first."""


def catalogue_of(run: FinishedRun) -> Catalogue:
    """How the users and items of the run's dataset are called."""
    data = run.dataset.interactions
    return Catalogue.read(run.dataset.folder, data.n_users, data.n_items)


def taken_items(run: FinishedRun) -> Ragged:
    """What each user took in training and validation, a row a user, in file order; test items are yet to come."""
    data = run.dataset.interactions
    known = data.labels < 2
    return Ragged.group(data.users[known], data.items[known], data.n_users)


def recommend(
    run: FinishedRun, users: np.ndarray, k: int, include_taken: bool = False
) -> Iterator[tuple[int, Scored, np.ndarray]]:
    """Each user with the k best items (fewer where so few are left) and what was taken before.

    Items that the cold-item protocol kept out of training are scored without their free vectors.

    Args:
        users: int64 [n].
        include_taken: recommend what was taken before, too.
    """
    taken = taken_items(run).take(users)
    nothing = Ragged(np.zeros(len(users) + 1, np.int64), np.empty(0, np.int64))
    mask = nothing if include_taken else taken
    split = EvalSplit("recommendations", users, nothing, mask, cold_items=run.dataset.splits.test.cold_items)
    k = min(k, run.dataset.interactions.n_items)
    row = 0
    with without_ids(run.model, split.cold_items):
        for batch, scores, items in ranked_batches(
            run.model, split, k, run.config["eval_batch_size"], run.config["device"]
        ):
            for user, *ranked in zip(batch.tolist(), scores.tolist(), items.tolist(), strict=True):
                best = [(item, score) for score, item in zip(*ranked, strict=True) if score > MASKED_SCORE]
                yield user, best, taken.row(row)
                row += 1


def vectors(run: FinishedRun) -> tuple[Tensor, Tensor]:
    """User and item vectors of the run's model, as in `vectors_of`; without the free part of cold items."""
    with without_ids(run.model, run.dataset.splits.test.cold_items):
        users, items = vectors_of(run.model, run.config["model"])
        return users.detach().clone(), items.detach().clone()


def similar(run: FinishedRun, taken: list[int], k: int, include_taken: bool = False) -> Scored:
    """The k other items whose vectors have the largest mean cosine with those of the items `taken`.

    Of one item these are the items alike. Of those that somebody took who is no user of the run, they are what can be
    recommended: the user has no vector.
    """
    _, items = vectors(run)
    unit = F.normalize(items, dim=1)
    cosines = unit @ unit[taken].mean(0)
    known = set() if include_taken else set(taken)
    return [pair for pair in best(cosines, k + len(known)) if pair[0] not in known][:k]


def best(scores: Tensor, k: int) -> Scored:
    """The k largest of scores [n]."""
    values, places = scores.topk(min(k, len(scores)))
    return list(zip(places.tolist(), values.tolist(), strict=True))


def lines(run: FinishedRun, names: Catalogue, users: np.ndarray, k: int, include_taken: bool) -> Iterator[dict]:
    """One JSON object a user: who it is, `items` with scores, and `taken`."""
    for user, ranked, taken in recommend(run, users, k, include_taken):
        before = [names.item(int(item)) for item in taken]
        yield {**names.users.fields(user), "items": scored_items(names, ranked), "taken": before}


def scored_items(names: Catalogue, ranked: Scored) -> list[dict[str, Any]]:
    """Items with their names and scores, as JSON can hold them."""
    return [{**names.item(item), "score": score} for item, score in ranked]


def scored_users(names: Catalogue, ranked: Scored) -> list[dict[str, Any]]:
    """Users with their names and scores, as JSON can hold them."""
    return [{**names.users.fields(user), "score": score} for user, score in ranked]


def everyone(run: FinishedRun) -> np.ndarray:
    """All users, int64 [n_users]."""
    return np.arange(run.dataset.interactions.n_users)
