"""User and item vectors of a recommender that only scores: its scores, factorised."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator

import torch
from torch import Tensor

from ..models.base import Recommender
from ..models.contract import HasVectors, Model, scorer
from .ranking import MEMORY_BLOCK, NotFinite

log = logging.getLogger(__name__)

RANK = 192  # most models score by the product of vectors of 64 or 128 dimensions
MISSING = 1e-4  # share of the scores' sum of squares that may be left out without a word


@torch.no_grad()
def own_vectors(model: Model) -> tuple[Tensor, Tensor] | None:
    """User vectors [n_users, d] and item vectors [n_items, d] of a model that scores by their products; else None."""
    model = scorer(model)
    if isinstance(model, HasVectors) and type(model).representations is not Recommender.representations:
        return model.representations()
    return None


@torch.no_grad()
def vectors_of(model: Model, name: str) -> tuple[Tensor, Tensor]:
    """User vectors [n_users, d] and item vectors [n_items, d] whose products are the model's scores.

    Its own where it has such, else factors of its scores (`score_vectors`).

    Args:
        name: of the model, for messages.
    """
    own = own_vectors(model)
    if own is not None:
        return own
    model = scorer(model)
    device = next((p.device for p in model.parameters()), torch.device("cpu"))  # some have none

    def score(users: Tensor) -> Tensor:
        return model.full_sort_predict([users, users.new_empty(2, 0)])

    return score_vectors(score, model.n_users, model.n_items, device, name)


@torch.no_grad()
def score_vectors(
    score: Callable[[Tensor], Tensor], n_users: int, n_items: int, device: torch.device, name: str
) -> tuple[Tensor, Tensor]:
    """Vectors U [n_users, r] and V [n_items, r] with scores = U V^T, exact where the scores have rank r <= 192.

    A randomised range finder over two passes (Halko, Martinsson and Tropp, SIAM Review 53, 2011, algorithm 4.1); the
    score matrix is never held. Scores of a higher rank are approximated, and how well is logged.

    Args:
        score: user ids int64 [b] -> scores [b, n_items].
        name: of the recommender, for messages.

    Raises:
        NotFinite: a score is NaN or infinite.
    """
    rank = min(RANK, n_users, n_items)
    generator = torch.Generator().manual_seed(0)
    probes = torch.randn(n_items, rank, generator=generator).to(device)

    def blocks() -> Iterator[tuple[Tensor, Tensor]]:
        for users in torch.arange(n_users, device=device).split(max(1, MEMORY_BLOCK // (4 * n_items))):
            scores = score(users).float()
            if not scores.isfinite().all():
                raise NotFinite(f"{name} gives scores that are not finite, so it has diverged.")
            yield users, scores

    basis, _ = torch.linalg.qr(torch.cat([scores @ probes for _, scores in blocks()]))
    projected = torch.zeros(rank, n_items, device=device)
    squares = 0.0
    for users, scores in blocks():
        projected += basis[users].T @ scores
        squares += torch.linalg.vector_norm(scores, dtype=torch.float64).item() ** 2
    left, values, right = torch.linalg.svd(projected, full_matrices=False)
    missing = 1 - values.double().square().sum().item() / max(squares, 1e-300)
    if missing > MISSING:
        log.warning(
            "%s: its scores are no products of vectors of at most %d dimensions; vectors leave %.2g of their "
            "sum of squares out",
            name, rank, missing,
        )  # fmt: skip
    kept = values > values[0] * 1e-6
    scale = values[kept].sqrt()
    return basis @ left[:, kept] * scale, right[kept].T * scale
