"""Knowledge transfer: what trained recommenders know is taught to the one that is tuned.

For the pool's users u and items i, with teacher scores T and student scores s,

    KT = tau_s * mean_u KL( softmax_i(T(u, i) / tau_t) || softmax_i(s(u, i) / tau_s) ).

The student is the whole score that the base ranks with (`kt_student: score`), or each modality's score alone
(`modality`), which is a KT for each. Where items are new, each modality's score learns beside the whole score
(`kt_features`): it is what ranks them. Each tau is `a` times the mean row standard deviation of the scores that it
divides, fixed at the start. The factor tau_s keeps a student with a low spread from inflating the loss weight, since
the gradient of the KL goes as 1 / tau_s. The paper (arXiv 2502.15542) states an in-batch KL divergence; teachers, rows,
temperatures and scaling are this project's reading.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable
from typing import Any, Protocol

import torch
from torch import Tensor, nn

from mmrec_host.errors import ConfigError
from mmrec_host.models.contract import Model, ScoresPairs

from .pools import PoolBatch
from .teachers import Teacher, VectorTeacher

log = logging.getLogger(__name__)
RIDGE = 1e-2  # of the mean diagonal of the features' Gram matrix


class Student(Protocol):
    """Scores that learn."""

    def scores(self, batch: PoolBatch, tables: dict[str, Tensor]) -> dict[str, Tensor]:
        """Scores [n_rows, n_pool] of the batch's rows and items, by name.

        Args:
            tables: modality -> the features [n_items, d] that the base computes with at this moment.
        """


class ScoreStudent:
    """The score that the base ranks with, free vectors and live features together.

    Raises:
        ConfigError: no gradient comes through the base's scores.
    """

    def __init__(self, base: Model, name: str) -> None:
        if not isinstance(base, ScoresPairs):
            raise ConfigError(f"base={name}: its scores cannot be taught (kt_student=score). kt_student=modality can.")
        self.base, self.name = base, name

    def scores(self, batch: PoolBatch, tables: dict[str, Tensor]) -> dict[str, Tensor]:
        """One entry, `score`."""
        scores = self.base.pair_scores(batch.users, batch.items)
        if torch.is_grad_enabled() and not scores.requires_grad:
            raise ConfigError(
                f"base={self.name}: no gradient comes through the scores that it ranks with, so that nothing can be "
                "taught to them. kt_student=modality teaches its features alone; kt_weight=0 teaches nothing."
            )
        return {"score": scores}


class ModalityStudent:
    """The base's scores of each modality alone, or a ridge regression's in their place."""

    def __init__(self, scores_of: Any) -> None:
        self.scores_of = scores_of  # has `modality_scores(users, z, modality)`

    def scores(self, batch: PoolBatch, tables: dict[str, Tensor]) -> dict[str, Tensor]:
        """An entry for each modality."""
        return {m: self.scores_of.modality_scores(batch.users, x[batch.items], m) for m, x in tables.items()}


class BothStudents:
    """The whole score, and each modality's alone."""

    def __init__(self, whole: ScoreStudent, parts: ModalityStudent) -> None:
        self.whole, self.parts = whole, parts

    def scores(self, batch: PoolBatch, tables: dict[str, Tensor]) -> dict[str, Tensor]:
        """The entries of both."""
        return self.whole.scores(batch, tables) | self.parts.scores(batch, tables)


class RidgeScores(nn.Module):
    """Scores of modality m as <user vector, W_m z>, for a recommender that does not score with features itself.

    W_m starts as the ridge regression from the frozen features to the item vectors and is trained from there.
    """

    def __init__(self, vectors: VectorTeacher, tables: dict[str, Tensor], trained_items: Tensor) -> None:
        super().__init__()
        self.vectors = vectors
        self.weights = nn.ParameterDict()
        for modality, table in tables.items():
            x, y = table[trained_items].double(), vectors.items[trained_items].double()
            gram = x.T @ x
            gram += RIDGE * gram.diagonal().mean() * torch.eye(len(gram), dtype=gram.dtype, device=gram.device)
            self.weights[modality] = nn.Parameter(torch.linalg.solve(gram, x.T @ y).to(table.dtype))

    def modality_scores(self, users: Tensor, z: Tensor, modality: str) -> Tensor:
        """Scores [len(users), len(z)] of feature rows z [len(z), d_m]."""
        return self.vectors.users[users] @ (z @ self.weights[modality]).T


class KnowledgeTransfer:
    """The loss KT, with temperatures that `calibrate` fixes.

    Args:
        a: temperature in units of the scores' mean row standard deviation.
    """

    def __init__(self, teacher: Teacher, student: Student, a: float) -> None:
        self.teacher, self.student, self.a = teacher, student, a
        self.taus: dict[str, float] = {}

    @torch.no_grad()
    def calibrate(self, batches: Iterable[PoolBatch], tables: dict[str, Tensor]) -> dict[str, float]:
        """Fix the temperatures on some batches; returns spreads and the teacher's effective number of items."""
        spreads: dict[str, list[float]] = {}
        effective, sizes = [], []
        for batch in batches:
            scores = {"teacher": self.teacher.scores(batch.users, batch.items)} | self.student.scores(batch, tables)
            for name, values in scores.items():
                spreads.setdefault(name, []).append(values.std(1).mean().item())
            rows = torch.softmax(scores["teacher"] / max(self.a * spreads["teacher"][-1], 1e-12), 1)
            effective.append(torch.exp(-(rows * rows.clamp_min(1e-30).log()).sum(1)).mean().item())
            sizes.append(len(batch.items))
        means = {name: sum(values) / len(values) for name, values in spreads.items()}
        self.taus = {name: max(self.a * mean, 1e-12) for name, mean in means.items()}
        report = {f"spread_{name}": mean for name, mean in means.items()}
        report |= {"teacher_effective_items": sum(effective) / len(effective), "pool_items": sum(sizes) / len(sizes)}
        log.info("knowledge transfer: %s", ", ".join(f"{k} {v:.3g}" for k, v in report.items()))
        return report

    def loss(self, batch: PoolBatch, tables: dict[str, Tensor]) -> dict[str, Tensor]:
        """KT for each of the student's scores; the base computes with `tables`, modality -> features [n_items, d]."""
        with torch.no_grad():
            target = torch.softmax(self.teacher.scores(batch.users, batch.items) / self.taus["teacher"], 1)
            entropy = (target * target.clamp_min(1e-30).log()).sum(1)
        losses = {}
        for name, scores in self.student.scores(batch, tables).items():
            tau = self.taus[name]
            student = torch.log_softmax(scores / tau, 1)
            losses[name] = tau * (entropy - (target * student).sum(1)).mean()
        return losses
