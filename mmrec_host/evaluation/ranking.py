"""Full ranking: each user's k best items among all items, or among given candidates."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from .. import processes, ranks
from ..errors import DataError, UserError
from ..kernels import top_k
from ..models.contract import Model, PreparesEvaluation, scorer
from .cutoffs import n_ranked

if TYPE_CHECKING:
    from ..data.eval_split import EvalSplit


class NotFinite(UserError):
    """A model's scores hold NaN."""


MASKED_SCORE = -1e10
MEMORY_BLOCK = 512 * 2**20  # bytes of scores at once
CACHE_BLOCK = 8 * 2**20  # ... on a CPU: a block that stays in its cache is ranked a fifth faster
CACHE_ROWS = 64  # ... but so many users at least, lest the item vectors be read too often


class Ranking(NamedTuple):
    """The best items of each user, best first.

    Attributes:
        items: ids, int64 [n_users, k].
        tied: whether the item behind each has the same score, bool [n_users, k].
    """

    items: np.ndarray
    tied: np.ndarray


def rank(model: Model, split: EvalSplit, k: int, batch_size: int, device: torch.device) -> Ranking:
    """The k best items of each user; arguments and errors as `ranked_batches`.

    The items in `split.mask` are scored -1e10, as in MMRec. Several processes share the batches.
    """
    seen = places_seen(k, split, model.n_items)

    def mine() -> list[Ranking]:
        share = ranked_batches(model, split, seen, batch_size, device, ranks.rank(), ranks.n_processes())
        return [Ranking(items[:, :k].cpu().numpy(), _tied(scores, k).cpu().numpy()) for _, scores, items in share]

    rounds = itertools.zip_longest(*processes.gather(mine))
    parts = [part for turn in rounds for part in turn if part is not None]
    return Ranking(*map(np.concatenate, zip(*parts, strict=True)))


def places_seen(k: int, split: EvalSplit, n_items: int) -> int:
    """How many places are filled to rank k: one more, if there is an item for it, which tells whether there is a tie.

    Which of tied items are the best k depends on it.
    """
    return k + 1 if k < n_ranked(split, n_items) else k


def _tied(scores: Tensor, k: int) -> Tensor:
    """Whether each of the k places ties with the next, bool [n, k], of scores [n, k + 1] or, if these are all, [n, k].

    Ties of masked items do not matter.
    """
    tied = (scores[:, :-1] == scores[:, 1:]) & (scores[:, :-1] > MASKED_SCORE)
    return F.pad(tied, (0, k - tied.shape[1]))


@torch.no_grad()
def ranked_batches(
    model: Model, split: EvalSplit, k: int, batch_size: int, device: torch.device, first: int = 0, step: int = 1
) -> Iterator[tuple[Tensor, Tensor, Tensor]]:
    """Users int64 [b], their k best scores [b, k] and items int64 [b, k], best first, a batch at a time.

    The items in `split.mask` score MASKED_SCORE. What the model needs for all users is computed once, by
    `prepare_evaluation`; the score block [batch, n_items] is allocated once and used for every batch. A model without
    `score_users` (MMRec's, which may compute all vectors anew for each batch) is asked by `full_sort_predict`.

    Args:
        model: in evaluation mode, with `n_items`.
        split: users, their masked items, and the candidates that are ranked (None: all items).
        k: length of the rankings.
        batch_size: users scored at once; fewer are if their score block would be larger than 512 MiB, or on a CPU by
            `score_users` than 8 MiB and 64 users.
        device: where the model is.
        first, step: number of the first batch, and of batches from one to the next.

    Raises:
        DataError: fewer than k items can be ranked.
        UserError: a score is NaN.
    """
    n_items = model.n_items
    candidates = None if split.candidates is None else torch.from_numpy(split.candidates).to(device)
    n_candidates = n_items if candidates is None else len(candidates)
    if n_candidates < k:
        kind = "items" if candidates is None else "candidate items"
        raise DataError(
            f"{split.name}: {k} places (the largest topk) cannot be filled from {n_candidates} {kind}. Set topk to at "
            f"most {n_candidates}."
        )
    in_cache = device.type == "cpu" and isinstance(scorer(model), PreparesEvaluation)
    rows = MEMORY_BLOCK // (4 * n_items)
    if in_cache:
        rows = min(rows, max(CACHE_BLOCK // (4 * n_items), CACHE_ROWS))
    batch_size = max(1, min(batch_size, rows))
    users = torch.from_numpy(split.users).to(device)
    score = _score_function(model)
    for start in range(first * batch_size, len(users), step * batch_size):
        batch = users[start : start + batch_size]
        masked = split.mask.slice(start, start + batch_size)
        pairs = torch.from_numpy(np.stack([masked.row_ids(), masked.values])).to(device)
        scores = score(batch, pairs)
        scores[pairs[0], pairs[1]] = MASKED_SCORE
        if candidates is not None:
            scores = scores.index_select(1, candidates)
        best, columns = top_k(scores, k)
        _refuse_nan(best, batch, model)
        yield batch, best, columns if candidates is None else candidates[columns]


def _score_function(model: Model) -> Callable[[Tensor, Tensor], Tensor]:
    """Function of the users and the masked pairs that returns a writable score block [n_batch_users, n_items]."""
    scoring = scorer(model)
    if not isinstance(scoring, PreparesEvaluation):
        return lambda users, pairs: scoring.full_sort_predict([users, pairs])
    scoring.prepare_evaluation()
    block: Tensor | None = None

    def score(users: Tensor, pairs: Tensor) -> Tensor:
        nonlocal block
        scores = scoring.score_users(users, out=None if block is None else block[: len(users)])
        block = scores if block is None else block
        return scores

    return score


def _refuse_nan(best: Tensor, users: Tensor, model: Model) -> None:
    """NaN sorts first, so that the best score tells."""
    broken = best[:, 0].isnan()
    if broken.any():
        raise NotFinite(
            f"{type(model).__name__} gives NaN as a score (to {int(broken.sum())} of {len(users)} users in a batch, "
            f"the first is user {int(users[broken][0])}): its parameters have diverged, or its features hold NaN. "
            "Check the features, or lower learning_rate."
        )
