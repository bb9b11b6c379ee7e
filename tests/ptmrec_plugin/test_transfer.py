"""Knowledge transfer: known answers, an independent KL, and the scale that it must not depend on."""

from __future__ import annotations

import pytest
import torch

from ptmrec_plugin.stage2.pools import PoolBatch
from ptmrec_plugin.stage2.transfer import KnowledgeTransfer, RidgeStudent, Teacher


class Student:
    def __init__(self, users: torch.Tensor, scale: float = 1.0) -> None:
        self.users, self.scale = users, scale

    def modality_scores(self, users, z, modality):
        return self.scale * self.users[users] @ z.T


@pytest.fixture
def setting():
    torch.manual_seed(0)
    users, items = torch.randn(6, 4), torch.randn(10, 4)
    batch = PoolBatch(torch.tensor([1, 3, 4, 8]), torch.zeros(3, 1, dtype=torch.long), torch.tensor([0, 2, 5]))
    return users, items, batch


def test_a_student_that_ranks_as_the_teacher_has_no_loss(setting):
    users, items, batch = setting
    kt = KnowledgeTransfer(Teacher(users, items), Student(users, 3.0), 0.5)
    kt.calibrate([batch], {"v": items})
    assert kt.taus["v"] == pytest.approx(3 * kt.taus["teacher"])
    assert kt.loss(batch, {"v": items[batch.items]})["v"].item() == pytest.approx(0, abs=1e-6)


def test_the_loss_is_tau_times_the_mean_row_kl(setting):
    users, items, batch = setting
    z = torch.randn(10, 4)
    kt = KnowledgeTransfer(Teacher(users, items), Student(users), 0.5)
    kt.calibrate([batch], {"t": z})
    rows = users[batch.users]
    p = torch.log_softmax(rows @ items[batch.items].T / kt.taus["teacher"], 1)
    q = torch.log_softmax(rows @ z[batch.items].T / kt.taus["t"], 1)
    expected = kt.taus["t"] * torch.nn.functional.kl_div(q, p, reduction="batchmean", log_target=True)
    torch.testing.assert_close(kt.loss(batch, {"t": z[batch.items]})["t"], expected)
    assert kt.taus["t"] == pytest.approx(0.5 * (rows @ z[batch.items].T).std(1).mean().item())


def test_a_low_spread_student_does_not_inflate_the_gradient(setting):
    users, items, batch = setting
    norms = []
    for scale in (1.0, 1e-3):
        z = torch.randn(10, 4, generator=torch.Generator().manual_seed(1)).requires_grad_()
        kt = KnowledgeTransfer(Teacher(users, items), Student(users, scale), 0.5)
        kt.calibrate([batch], {"v": z.detach()})
        kt.loss(batch, {"v": z[batch.items]})["v"].backward()
        norms.append(z.grad.norm().item() / scale)  # the gradient with respect to the scores
    assert norms[0] == pytest.approx(norms[1], rel=1e-4)


def test_the_teacher_is_frozen_and_the_student_gets_the_gradient(setting):
    users, items, batch = setting
    source = users.clone().requires_grad_()
    kt = KnowledgeTransfer(Teacher(source, items), Student(users), 0.5)
    z = items.flip(0).clone().requires_grad_()
    kt.calibrate([batch], {"v": z.detach()})
    kt.loss(batch, {"v": z[batch.items]})["v"].backward()
    assert source.grad is None and z.grad[batch.items].abs().sum() > 0


def test_ridge_regression_finds_a_linear_map(setting):
    torch.manual_seed(3)
    z, true = torch.randn(200, 5), torch.randn(5, 4)
    teacher = Teacher(torch.randn(6, 4), z @ true)
    student = RidgeStudent(teacher, {"v": z}, torch.arange(150))
    torch.testing.assert_close(student.weights["v"].detach(), true, atol=0.05, rtol=0.05)
    users = torch.arange(6)
    torch.testing.assert_close(
        student.modality_scores(users, z[150:], "v"), teacher.scores(users, torch.arange(150, 200)), atol=0.5, rtol=0.1
    )
