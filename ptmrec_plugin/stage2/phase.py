"""What the modes of PTMRec are, as phases.

two_stage          stage 1 on frozen features; stage 2 tunes φ and ψ with knowledge transfer from stage 1's best
frozen             stage 1 only
frozen_continued   stage 2's loop without PEFT and without transfer: what more training alone does
frozen_kt          stage 2's loop without PEFT, with transfer: what self-distillation alone does
joint              no stage 1: φ and ψ from scratch, without transfer
joint_kt           joint, with a teacher from stage 1 that the run may not end in
"""

from __future__ import annotations

import itertools
import logging
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch

from mmrec_host.random_states import init_seed
from mmrec_host.training.phases import Phase, restore, single_phase
from mmrec_host.training.progress import Best

from .pools import PoolBatch, make_batches
from .transfer import KnowledgeTransfer, RidgeStudent, Teacher

if TYPE_CHECKING:
    from ..ptmrec import PTMRec

log = logging.getLogger(__name__)
CALIBRATION_BATCHES = 8


@dataclass(frozen=True)
class Mode:
    """Which stages run and what the second one does."""

    stage1: bool = True
    stage2: bool = True
    peft: bool = True
    transfer: bool = True
    from_scratch: bool = False


MODES = {
    "two_stage": Mode(),
    "frozen": Mode(stage2=False, peft=False, transfer=False),
    "frozen_continued": Mode(peft=False, transfer=False),
    "frozen_kt": Mode(peft=False),
    "joint": Mode(stage1=False, transfer=False, from_scratch=True),
    "joint_kt": Mode(from_scratch=True),
}


def tunes(mode: str) -> bool:
    """Whether a mode trains the encoder."""
    return MODES[mode].peft


def plan(model: PTMRec, loader: Any, config: Any) -> list[Phase]:
    """The phases of the configuration's mode."""
    mode = MODES[config["mode"]]
    phases = []
    if mode.stage1:
        stage1 = single_phase(model, loader, config)
        stage1.name = (
            "stage1"  # with the plain model's draws: mode=frozen is the base on frozen features, number for number
        )
        stage1.parameter_groups = lambda: [_base_group(model, config["learning_rate"])]
        stage1.candidate = not mode.from_scratch
        phases.append(stage1)
    if mode.stage2:
        phases.append(_stage2(model, loader, config, mode))
    return phases


def _base_group(model: PTMRec, learning_rate: float) -> dict[str, Any]:
    return {"name": "recommender", "params": list(model.base.parameters()), "lr": learning_rate}


def _stage2(model: PTMRec, loader: Any, config: Any, mode: Mode) -> Phase:
    batches = make_batches(loader, config)
    name = "joint" if mode.from_scratch else "stage2"
    epochs = config["joint_epochs"] if mode.from_scratch else config["stage2_epochs"]
    students: list[RidgeStudent] = []

    def begin(best: Best | None) -> None:
        """Start from stage 1's best, or afresh; make teacher, student and tuner.

        Every part begins in the same random state, whatever came before it: an interrupted run that goes on here, with
        its cache filled, must draw what an uninterrupted one drew.
        """
        init_seed(int(config["seed"]))
        if best is not None:
            restore(model, best.state)
            model.frozen_score = best.score
        if mode.transfer and config["kt_weight"]:
            if best is not None:
                _warn_of_chance(config, best)
            with torch.no_grad():
                teacher = Teacher(*_vectors(model))
            student: Any = model.base
            if getattr(student, "modality_scores", None) is None:
                student = RidgeStudent(
                    teacher, model.tables, torch.from_numpy(loader.sampler.pool).to(config["device"])
                )
                students.append(student)
                log.info("%s has no scores of one modality alone: a ridge regression stands in", config["base"])
            model.transfer = KnowledgeTransfer(teacher, student, config["kt_temperature"])
            model.transfer.calibrate(itertools.islice(batches.epoch(0, name), CALIBRATION_BATCHES), model.tables)
            model.kt_weight = config["kt_weight"]
        if mode.from_scratch and best is not None:
            # The temperatures are those of the trained scores; the student is the fresh base.
            init_seed(int(config["seed"]))
            model.build_base(loader)
            if model.transfer is not None and not students:
                model.transfer.student = model.base
        init_seed(int(config["seed"]))
        if mode.peft:
            model.start_tuning(epochs * len(batches))
        init_seed(int(config["seed"]))

    def parameter_groups() -> list[dict[str, Any]]:
        rate = (
            config["joint_learning_rate"]
            if mode.from_scratch
            else config["learning_rate"] * config["recommender_lr_scale"]
        )
        groups = [_base_group(model, rate)] if rate else []
        if model.tuner is not None:
            params = list(model.tuner.handle.named_parameters().values())
            groups.append({"name": "peft", "params": params, "lr": config["tuning_learning_rate"]})
        for student in students:
            groups.append(
                {"name": "student", "params": list(student.parameters()), "lr": rate or config["learning_rate"]}
            )
        return groups

    def report() -> dict[str, Any]:
        if model.tuner is None:
            return {}
        return model.tuner.epoch_report() | model.sizes()

    return Phase(
        name=name,
        batches=lambda epoch: _loaded(model, batches.epoch(epoch, name), epoch),
        n_batches=len(batches),
        loss=model.tuning_loss,
        parameter_groups=parameter_groups,
        epochs=epochs,
        patience=config["stage2_patience"],
        eval_every=config["stage2_eval_step"],
        begin=begin,
        score_start=not mode.from_scratch,
        before_evaluation=model.refresh,
        after_backward=lambda: model.tuner and model.tuner.sum_gradients(),
        report=report,
        learner=config["stage2_learner"],
    )


def _loaded(model: PTMRec, batches: Iterator[PoolBatch], epoch: int) -> Iterator[PoolBatch]:
    return batches if model.tuner is None else model.tuner.ahead(batches, epoch)


def _vectors(model: PTMRec):
    model.eval()
    return model.representations()


def _warn_of_chance(config: Any, best: Best) -> None:
    """A teacher that ranks no better than chance pins the student to noise."""
    k = int(config["valid_metric"].rpartition("@")[2])
    chance = best.valid.chance_recall(k)
    recall = best.valid.means.get(f"recall@{k}")
    if recall is not None and recall <= 1.2 * chance:
        log.warning(
            "stage 1 ended at validation recall@%d %.4f, chance is %.4f: such a teacher has nothing to transfer; "
            "kt_weight=0 tunes without it.",
            k, recall, chance,
        )  # fmt: skip
