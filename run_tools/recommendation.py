"""Top-k recommendations, and items alike, of a finished run."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from mmrec_host.data.eval_split import EvalSplit
from mmrec_host.data.ragged import Ragged
from mmrec_host.evaluation.evaluator import without_ids
from mmrec_host.evaluation.ranking import MASKED_SCORE, ranked_batches
from mmrec_host.evaluation.score_vectors import vectors_of
from mmrec_host.kernels import top_k
from mmrec_host.models.contract import Model
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
    mask = Ragged.empty(len(users)) if include_taken else taken
    with without_ids(run.model, run.dataset.splits.test.cold_items):
        found = ranked(run.model, users, mask, k, run.config["eval_batch_size"], run.config["device"])
        for row, (user, best_items) in enumerate(found):
            yield user, best_items, taken.row(row)


def ranked(
    model: Model, users: np.ndarray, mask: Ragged, k: int, batch_size: int, device: torch.device
) -> Iterator[tuple[int, Scored]]:
    """Each user with the k best items (fewer where so few are left) that are not in the user's row of `mask`.

    Args:
        users: int64 [n].
        mask: n rows.
        batch_size, device: as in `ranked_batches`.
    """
    split = EvalSplit("recommendations", users, Ragged.empty(len(users)), mask)
    for batch, scores, items in ranked_batches(model, split, min(k, model.n_items), batch_size, device):
        for user, *row in zip(batch.tolist(), scores.tolist(), items.tolist(), strict=True):
            yield user, [(item, score) for score, item in zip(*row, strict=True) if score > MASKED_SCORE]


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
    unit = F.normalize(vectors(run)[1], dim=1)
    return alike(unit, [taken], [() if include_taken else taken], [k])[0]


def alike(
    unit: Tensor, taken: Sequence[Sequence[int]], left_out: Sequence[Sequence[int]], lengths: Sequence[int]
) -> list[Scored]:
    """For each list of items taken, the other items with the largest mean cosine.

    Args:
        unit: item vectors of length 1, [n_items, d].
        left_out: for each list, what is not answered with.
        lengths: of the answers.
    """
    cosines = torch.stack([unit[list(items)].mean(0) for items in taken]) @ unit.T
    known = [set(items) for items in left_out]
    k = max(length + len(items) for length, items in zip(lengths, known, strict=True))
    values, places = top_k(cosines, min(k, len(unit)))
    found = [zip(*row, strict=True) for row in zip(places.tolist(), values.tolist(), strict=True)]
    return [
        [(item, score) for item, score in row if item not in out][:length]
        for row, out, length in zip(found, known, lengths, strict=True)
    ]


def best(scores: Tensor, k: int) -> Scored:
    """The k largest of scores [n]."""
    values, places = scores.topk(min(k, len(scores)))
    return list(zip(places.tolist(), values.tolist(), strict=True))


def everyone(run: FinishedRun) -> np.ndarray:
    """All users, int64 [n_users]."""
    return np.arange(run.dataset.interactions.n_users)
