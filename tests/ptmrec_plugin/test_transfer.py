"""Knowledge transfer: known answers, an independent KL, the scale that it must not depend on, and who teaches."""

from __future__ import annotations

import logging

import pytest
import torch

from mmrec_host.errors import ConfigError
from mmrec_host.models.contract import Model
from ptmrec_plugin.stage2.pools import PoolBatch
from ptmrec_plugin.stage2.teachers import Ensemble, ModelTeacher, Trained, VectorTeacher, good_enough, teacher_of
from ptmrec_plugin.stage2.transfer import BothStudents, KnowledgeTransfer, ModalityStudent, RidgeScores, ScoreStudent


class Taste:
    """Scores of one modality: the users' vectors with the features, scaled."""

    def __init__(self, users: torch.Tensor, scale: float = 1.0) -> None:
        self.users, self.scale = users, scale

    def modality_scores(self, users, z, modality):
        return self.scale * self.users[users] @ z.T


class Scorer(Model):
    """Scores by user vectors and item vectors, which are parameters."""

    def __init__(self, users: torch.Tensor, items: torch.Tensor) -> None:
        super().__init__()
        self.users, self.items = torch.nn.Parameter(users), torch.nn.Parameter(items)

    def pair_scores(self, users, items):
        return self.users[users] @ self.items[items].T

    def full_sort_predict(self, interaction):
        return self.users[interaction[0]] @ self.items.T


def student(users: torch.Tensor, scale: float = 1.0) -> ModalityStudent:
    return ModalityStudent(Taste(users, scale))


@pytest.fixture
def setting():
    torch.manual_seed(0)
    users, items = torch.randn(6, 4), torch.randn(10, 4)
    batch = PoolBatch(torch.tensor([1, 3, 4, 8]), torch.zeros(3, 1, dtype=torch.long), torch.tensor([0, 2, 5]))
    return users, items, batch


def test_a_student_that_ranks_as_the_teacher_has_no_loss(setting):
    users, items, batch = setting
    kt = KnowledgeTransfer(VectorTeacher(users, items), student(users, 3.0), 0.5)
    kt.calibrate([batch], {"v": items})
    assert kt.taus["v"] == pytest.approx(3 * kt.taus["teacher"])
    assert kt.loss(batch, {"v": items})["v"].item() == pytest.approx(0, abs=1e-6)


def independent(p_scores: torch.Tensor, q_scores: torch.Tensor) -> torch.Tensor:
    """tau_s times the mean KL of the rows, by torch's own divergence; both tau are half the mean row deviation."""
    taus = [0.5 * scores.std(1).mean() for scores in (p_scores, q_scores)]
    p, q = (torch.log_softmax(scores / tau, 1) for scores, tau in zip((p_scores, q_scores), taus))
    return taus[1] * torch.nn.functional.kl_div(q, p, reduction="batchmean", log_target=True)


def test_the_loss_is_tau_times_the_mean_row_kl(setting):
    users, items, batch = setting
    z = torch.randn(10, 4)
    kt = KnowledgeTransfer(VectorTeacher(users, items), student(users), 0.5)
    kt.calibrate([batch], {"t": z})
    rows = users[batch.users]
    expected = independent(rows @ items[batch.items].T, rows @ z[batch.items].T)
    torch.testing.assert_close(kt.loss(batch, {"t": z})["t"], expected)


def test_the_whole_score_learns_by_the_same_loss(setting):
    users, items, batch = setting
    base = Scorer(torch.randn(6, 3), torch.randn(10, 3))
    kt = KnowledgeTransfer(VectorTeacher(users, items), ScoreStudent(base, "VBPR"), 0.5)
    kt.calibrate([batch], {})
    losses = kt.loss(batch, {})
    scores = base.pair_scores(batch.users, batch.items).detach()
    torch.testing.assert_close(losses["score"].detach(), independent(users[batch.users] @ items[batch.items].T, scores))
    losses["score"].backward()
    assert set(losses) == {"score"} and base.users.grad[batch.users].abs().sum() > 0
    assert base.items.grad[batch.items].abs().sum() > 0


def test_the_whole_score_and_each_modality_s_can_learn_together(setting):
    users, items, batch = setting
    base, z = Scorer(torch.randn(6, 3), torch.randn(10, 3)), {"t": torch.randn(10, 4)}
    whole, parts = ScoreStudent(base, "VBPR"), student(users)
    losses = {}
    for name, each in (("whole", whole), ("parts", parts), ("both", BothStudents(whole, parts))):
        kt = KnowledgeTransfer(VectorTeacher(users, items), each, 0.5)
        kt.calibrate([batch], z)
        losses[name] = {key: value.item() for key, value in kt.loss(batch, z).items()}
    assert losses["both"] == losses["whole"] | losses["parts"] and set(losses["both"]) == {"score", "t"}


def test_a_base_without_gradients_in_its_scores_is_refused(setting):
    users, items, batch = setting
    base = Scorer(users, items).requires_grad_(False)
    kt = KnowledgeTransfer(VectorTeacher(users, items), ScoreStudent(base, "Foo"), 0.5)
    kt.calibrate([batch], {})
    with pytest.raises(ConfigError, match="base=Foo.*no gradient.*kt_student=modality"):
        kt.loss(batch, {})
    with pytest.raises(ConfigError, match="cannot be taught"):
        ScoreStudent(Model(), "Bar")


@pytest.mark.parametrize("scale", [1e-3, 100.0])
def test_the_student_s_spread_does_not_scale_the_gradient(setting, scale):
    users, items, batch = setting
    norms = []
    for each in (1.0, scale):
        z = torch.randn(10, 4, generator=torch.Generator().manual_seed(1)).requires_grad_()
        kt = KnowledgeTransfer(VectorTeacher(users, items), student(users, each), 0.5)
        kt.calibrate([batch], {"v": z.detach()})
        kt.loss(batch, {"v": z})["v"].backward()
        norms.append(z.grad.norm().item() / each)  # the gradient with respect to the scores
    assert norms[0] == pytest.approx(norms[1], rel=1e-4)


def test_the_teacher_is_frozen_and_the_student_gets_the_gradient(setting):
    users, items, batch = setting
    source = users.clone().requires_grad_()
    kt = KnowledgeTransfer(VectorTeacher(source, items), student(users), 0.5)
    z = items.flip(0).clone().requires_grad_()
    kt.calibrate([batch], {"v": z.detach()})
    kt.loss(batch, {"v": z})["v"].backward()
    assert source.grad is None and z.grad[batch.items].abs().sum() > 0


def test_an_ensemble_adds_scores_in_units_of_their_spread():
    torch.manual_seed(1)
    vectors = [(torch.randn(40, 4), scale * torch.randn(30, 4)) for scale in (1.0, 100.0)]
    both = Ensemble([VectorTeacher(*each) for each in vectors], 40, 30, torch.device("cpu"))
    tables = [users @ items.T for users, items in vectors]
    expected = sum(table / table.std(1).mean() for table in tables)
    users, items = torch.tensor([3, 39]), torch.tensor([0, 7, 29])
    torch.testing.assert_close(both.scores(users, items), expected[users][:, items])


def test_a_model_without_vectors_teaches_by_its_scores(setting):
    users, items, _ = setting
    found = teacher_of("Foo", Scorer(users, items), 0.2)
    assert isinstance(found.teacher, ModelTeacher)
    asked = torch.tensor([1, 5]), torch.tensor([2, 9, 4])
    torch.testing.assert_close(found.teacher.scores(*asked), users[asked[0]] @ items[asked[1]].T)
    assert not found.teacher.scores(*asked).requires_grad


def test_a_teacher_that_knows_nothing_is_left_out(setting, caplog):
    teacher = VectorTeacher(*setting[:2])
    trained = [Trained("base", teacher, 0.2), Trained("noise", teacher, 0.09), Trained("weaker", teacher, 0.11)]
    with caplog.at_level(logging.WARNING):
        assert [each.name for each in good_enough(trained)] == ["base", "weaker"]
    assert "noise is left out" in caplog.text and "0.0900" in caplog.text


def test_ridge_regression_finds_a_linear_map():
    torch.manual_seed(3)
    z, true = torch.randn(200, 5), torch.randn(5, 4)
    teacher = VectorTeacher(torch.randn(6, 4), z @ true)
    ridge = RidgeScores(teacher, {"v": z}, torch.arange(150))
    torch.testing.assert_close(ridge.weights["v"].detach(), true, atol=0.05, rtol=0.05)
    users = torch.arange(6)
    torch.testing.assert_close(
        ridge.modality_scores(users, z[150:], "v"), teacher.scores(users, torch.arange(150, 200)), atol=0.5, rtol=0.1
    )
