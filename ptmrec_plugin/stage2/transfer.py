"""Knowledge transfer: the stage-1 recommender teaches what each modality alone should rank.

For the pool's users u and items i, with teacher scores s* and the student's scores s_m from modality m alone,

    KT_m = tau_m * mean_u KL( softmax_i(s*(u, i) / tau_t) || softmax_i(s_m(u, i) / tau_m) ).

Each tau is `a` times the mean row standard deviation of the scores that it divides, fixed at the start. The factor
tau_m keeps a student with a low spread from inflating the loss weight, since the gradient of the KL goes as 1 / tau_m.
The paper (arXiv 2502.15542) states an in-batch KL divergence; rows, temperatures and scaling are this project's
reading.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable
from typing import Any

import torch
from torch import Tensor, nn

from .pools import PoolBatch

log = logging.getLogger(__name__)
RIDGE = 1e-2  # of the mean diagonal of the features' Gram matrix


class Teacher:
    """The user and item vectors of a trained recommender, frozen."""

    def __init__(self, users: Tensor, items: Tensor) -> None:
        self.users, self.items = users.detach().clone(), items.detach().clone()

    def scores(self, users: Tensor, items: Tensor) -> Tensor:
        """[len(users), len(items)]."""
        return self.users[users] @ self.items[items].T


class RidgeStudent(nn.Module):
    """Scores of modality m as <teacher's user vector, W_m z>, for a recommender that does not score with features
    itself.

    W_m starts as the ridge regression from the frozen features to the teacher's item vectors and is trained from there.
    """

    def __init__(self, teacher: Teacher, tables: dict[str, Tensor], trained_items: Tensor) -> None:
        super().__init__()
        self.teacher = teacher
        self.weights = nn.ParameterDict()
        for modality, table in tables.items():
            x, y = table[trained_items].double(), teacher.items[trained_items].double()
            gram = x.T @ x
            gram += RIDGE * gram.diagonal().mean() * torch.eye(len(gram), dtype=gram.dtype, device=gram.device)
            self.weights[modality] = nn.Parameter(torch.linalg.solve(gram, x.T @ y).to(table.dtype))

    def modality_scores(self, users: Tensor, z: Tensor, modality: str) -> Tensor:
        """[len(users), len(z)]."""
        return self.teacher.users[users] @ (z @ self.weights[modality]).T


class KnowledgeTransfer:
    """The loss KT_m, with temperatures that `calibrate` fixes.

    Args:
        student: has `modality_scores(users, z, modality)`.
        a: temperature in units of the scores' mean row standard deviation.
    """

    def __init__(self, teacher: Teacher, student: Any, a: float) -> None:
        self.teacher, self.student, self.a = teacher, student, a
        self.taus: dict[str, float] = {}

    @torch.no_grad()
    def calibrate(self, batches: Iterable[PoolBatch], tables: dict[str, Tensor]) -> dict[str, float]:
        """Fix the temperatures on some batches; returns spreads and the teacher's effective number of items."""
        spreads: dict[str, list[float]] = {}
        effective, sizes = [], []
        for batch in batches:
            scores = {"teacher": self.teacher.scores(batch.users, batch.items)}
            scores |= {m: self.student.modality_scores(batch.users, x[batch.items], m) for m, x in tables.items()}
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

    def loss(self, batch: PoolBatch, z: dict[str, Tensor]) -> dict[str, Tensor]:
        """KT_m for each modality, from the pool's features z_m [n_pool, d_m]."""
        with torch.no_grad():
            target = torch.softmax(self.teacher.scores(batch.users, batch.items) / self.taus["teacher"], 1)
            entropy = (target * target.clamp_min(1e-30).log()).sum(1)
        losses = {}
        for modality, features in z.items():
            tau = self.taus[modality]
            student = torch.log_softmax(self.student.modality_scores(batch.users, features, modality) / tau, 1)
            losses[modality] = tau * (entropy - (target * student).sum(1)).mean()
        return losses
