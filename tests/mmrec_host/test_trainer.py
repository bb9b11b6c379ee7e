"""The trainer: selection by validation, early stopping, and what a loss that is not finite must not destroy."""

from __future__ import annotations

import json

import numpy as np
import pytest
import torch

from mmrec_host.config import load_config
from mmrec_host.quick_start import quick_start
from mmrec_host.runs.build import build
from mmrec_host.training.model_state import restore
from mmrec_host.training.options import TrainingOptions
from mmrec_host.training.phases import Phase, SinglePhase
from mmrec_host.training.trainer import Trainer, TrainingFailed


@pytest.fixture
def made(toy_keys):
    config = load_config("BPR", "toy", overrides={**toy_keys, "epochs": 30, "stopping_step": 3, "learning_rate": 0.05})
    return (config, *build(config))


def test_the_best_validation_epoch_is_brought_back_and_test_is_scored_once(toy_keys):
    result = quick_start("BPR", "toy", {**toy_keys, "epochs": 12, "learning_rate": 0.05})
    lines = [json.loads(line) for line in (result.record.path / "epochs.jsonl").read_text().splitlines()]
    scores = [line["valid"]["recall@20"] for line in lines]
    best = result.record.info["best"]
    assert best["epoch"] == 1 + int(np.argmax(scores)) and result.valid["recall@20"] == max(
        scores
    )  # the first of equals
    assert not any("test" in line for line in lines)
    state = torch.load(result.record.path / "checkpoint.pt", weights_only=True)["state"]
    assert all(torch.equal(state[k], v) for k, v in result.model.state_dict().items())


def trailing_means(scores: list[float], window: int) -> list[float]:
    return [float(np.mean(scores[max(0, i + 1 - window) : i + 1])) for i in range(len(scores))]


def test_a_window_selects_by_the_mean_with_the_evaluations_before(toy_keys):
    result = quick_start("BPR", "toy", {**toy_keys, "epochs": 20, "learning_rate": 0.05, "selection_window": 3})
    scores = [line["valid"]["recall@20"] for line in result.record.epochs()]
    best = result.record.info["best"]
    smooth = trailing_means(scores, 3)
    assert best["epoch"] == 1 + int(np.argmax(smooth)) != 1 + int(np.argmax(scores))
    assert result.valid["recall@20"] == scores[best["epoch"] - 1]  # what is reported is the state's own


def test_the_start_of_a_later_phase_is_what_the_phase_before_ended_in(made):
    config, dataset, loader, model = made
    phases = [SinglePhase(model, loader, config, name) for name in ("stage1", "stage2")]
    phases[0].epochs, phases[1].epochs, phases[1].score_start = 8, 0, True
    phases[1].begin = lambda best: restore(model, best.state)
    options = TrainingOptions.from_config(config.replaced(selection_window=3))
    lines: list[dict] = []
    outcome = Trainer(model, options, dataset.splits.valid, lines.append).fit(phases)
    scores = [line["valid"]["recall@20"] for line in lines if line["phase"] == "stage1"]
    assert outcome.best.score == pytest.approx(max(trailing_means(scores, 3))) and outcome.best.phase == "stage1"


def test_training_stops_when_the_misses_exceed_the_patience(made):
    config, dataset, loader, model = made
    lines: list[dict] = []
    phase = SinglePhase(model, loader, config)
    phase.loss = lambda batch: model.calculate_loss(batch) * 0  # nothing is learned, so only epoch 1 is "better"
    Trainer(model, TrainingOptions.from_config(config), dataset.splits.valid, lines.append).fit([phase])
    assert len(lines) == 1 + config["stopping_step"] + 1


def test_a_nan_keeps_the_best_state_so_far(made):
    config, dataset, loader, model = made
    calls = {"n": 0}

    def loss(batch):
        calls["n"] += 1
        return model.calculate_loss(batch) * (float("nan") if calls["n"] > 2 * len(loader) else 1)

    phase = SinglePhase(model, loader, config)
    phase.loss = loss
    outcome = Trainer(model, TrainingOptions.from_config(config), dataset.splits.valid).fit([phase])
    assert outcome.best.epoch in (1, 2) and "epoch 3" in outcome.notes[0]
    assert all(torch.isfinite(p).all() for p in model.parameters())
    assert torch.equal(model.state_dict()["user_embedding.weight"], outcome.best.state["user_embedding.weight"])


def test_scores_that_are_nan_keep_the_best_state_so_far(made):
    config, dataset, loader, model = made
    phase = SinglePhase(model, loader, config)
    epochs = {"n": 0}

    def diverge() -> None:
        epochs["n"] += 1
        if epochs["n"] == 3:
            model.user_embedding.weight.data.fill_(float("nan"))

    phase.before_evaluation = diverge
    outcome = Trainer(model, TrainingOptions.from_config(config), dataset.splits.valid).fit([phase])
    assert outcome.best.epoch in (1, 2) and "NaN" in outcome.notes[0]
    assert torch.isfinite(model.user_embedding.weight).all()


def test_a_nan_from_the_start_is_a_message(made):
    config, dataset, loader, model = made
    phase = SinglePhase(model, loader, config)
    phase.loss = lambda batch: model.calculate_loss(batch) * float("inf")
    with pytest.raises(TrainingFailed, match="learning_rate"):
        Trainer(model, TrainingOptions.from_config(config), dataset.splits.valid).fit([phase])


def test_a_run_that_fails_is_recorded_as_failed(toy_keys, tmp_path):
    with pytest.raises(TrainingFailed):
        quick_start("BPR", "toy", {**toy_keys, "learning_rate": 1e30, "epochs": 3})
    info = json.loads(next((tmp_path / "runs").rglob("run.json")).read_text())
    assert info["status"] == "failed" and "learning_rate" in info["error"]


def test_a_phase_that_may_not_be_ended_in_only_prepares(made):
    config, dataset, loader, model = made
    seen = []

    def phase(name: str, candidate: bool, rate: float) -> Phase:
        one = SinglePhase(model, loader, config)
        one.name, one.candidate, one.epochs = name, candidate, 2
        one.begin = lambda best: seen.append(best.phase if best else None)
        one.parameter_groups = lambda: [{"params": list(model.parameters()), "lr": rate}]
        return one

    outcome = Trainer(model, TrainingOptions.from_config(config), dataset.splits.valid).fit(
        [phase("teacher", False, 0.05), phase("student", True, 0.0)]
    )
    assert seen == [None, "teacher"] and outcome.best.phase == "student" and outcome.notes == []


def test_a_later_phase_that_brings_nothing_better_is_named(made):
    config, dataset, loader, model = made
    phases = [SinglePhase(model, loader, config, name) for name in ("stage1", "stage2")]
    phases[0].epochs = phases[1].epochs = 2
    phases[1].parameter_groups = lambda: [{"params": list(model.parameters()), "lr": 0.0}]
    outcome = Trainer(model, TrainingOptions.from_config(config), dataset.splits.valid).fit(phases)
    assert outcome.best.phase == "stage1"
    assert outcome.notes == ["stage2 brought nothing better on validation; this row is stage1's."]


def test_one_seed_gives_one_result_and_another_seed_another(toy_keys):
    first, again, other = (
        quick_start("VBPR", "toy", {**toy_keys, "seed": s, "epochs": 2, "learning_rate": 0.01}) for s in (1, 1, 2)
    )
    assert first.test == again.test
    assert not torch.equal(first.model.user_embedding.weight, other.model.user_embedding.weight)
