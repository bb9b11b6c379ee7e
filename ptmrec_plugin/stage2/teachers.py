"""Who teaches: the base of stage 1 and other trained recommenders, together."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor

from mmrec_host.evaluation.score_vectors import own_vectors
from mmrec_host.models.contract import Model, scorer

log = logging.getLogger(__name__)

SAMPLED_USERS = 300  # whose rows tell the spread of a teacher's scores
FEWEST = 0.5  # of the best one's validation score that a teacher must reach


class Teacher(Protocol):
    """Scores that are taught."""

    def scores(self, users: Tensor, items: Tensor) -> Tensor:
        """[len(users), len(items)], without gradients."""


class VectorTeacher:
    """A teacher by user vectors [n_users, d] and item vectors [n_items, d], which are copied."""

    def __init__(self, users: Tensor, items: Tensor) -> None:
        self.users, self.items = users.detach().clone(), items.detach().clone()

    def scores(self, users: Tensor, items: Tensor) -> Tensor:
        """The vectors' products."""
        return self.users[users] @ self.items[items].T


class ModelTeacher:
    """A teacher that only scores, such as a model of MMRec's; it must not be trained any more."""

    def __init__(self, model: Model) -> None:
        self.model = scorer(model).eval()

    @torch.no_grad()
    def scores(self, users: Tensor, items: Tensor) -> Tensor:
        """The model's own scores; all items are scored for it."""
        return self.model.full_sort_predict([users, users.new_empty(2, 0)])[:, items]


class Ensemble:
    """T(u, i) = sum_k s_k(u, i) / sd_k, with sd_k the mean standard deviation of a row of teacher k's scores.

    Args:
        teachers: two or more.
        n_users, n_items: of the dataset; the rows of some users, evenly spread, tell sd_k.
    """

    def __init__(self, teachers: Sequence[Teacher], n_users: int, n_items: int, device: torch.device) -> None:
        self.teachers = list(teachers)
        users = torch.linspace(0, n_users - 1, min(SAMPLED_USERS, n_users), device=device).long()
        items = torch.arange(n_items, device=device)
        self.spreads = [teacher.scores(users, items).std(1).mean().clamp_min(1e-12) for teacher in self.teachers]

    def scores(self, users: Tensor, items: Tensor) -> Tensor:
        """The sum of the teachers' scores, each in units of its spread."""
        parts = [teacher.scores(users, items) / sd for teacher, sd in zip(self.teachers, self.spreads, strict=True)]
        return torch.stack(parts).sum(0)


@dataclass(frozen=True)
class Trained:
    """A trained recommender that may teach.

    Attributes:
        score: its best by `valid_metric`.
    """

    name: str
    teacher: Teacher
    score: float


def teacher_of(name: str, model: Model, score: float) -> Trained:
    """A trained model as a teacher: by its vectors where it has some, else by its scores."""
    vectors = own_vectors(model)
    return Trained(name, ModelTeacher(model) if vectors is None else VectorTeacher(*vectors), score)


def good_enough(trained: Sequence[Trained]) -> list[Trained]:
    """Without those whose validation score is less than half of the best one's: they would teach noise."""
    best = max(each.score for each in trained)
    kept = [each for each in trained if each.score >= FEWEST * best]
    for each in trained:
        if each not in kept:
            log.warning(
                "the teacher %s is left out: its validation score is %.4f, the best one's is %.4f",
                each.name, each.score, best,
            )  # fmt: skip
    return kept
