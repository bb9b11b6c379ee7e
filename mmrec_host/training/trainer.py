"""The trainer: phases, epochs, selection by the validation split."""

from __future__ import annotations

import logging
import math
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn
from tqdm import tqdm

from ..data.splits import EvalSplit
from ..errors import ConfigError, UserError
from ..evaluation.evaluator import Evaluation, evaluate
from ..evaluation.ranking import NotFinite
from ..reporting.environment import peak_memory
from .allocator import release_freed_memory
from .optimizers import build_optimizer, build_scheduler
from .phases import Phase, restore, snapshot

log = logging.getLogger(__name__)


class TrainingFailed(UserError):
    """Training broke off before any state could be evaluated."""


@dataclass
class Best:
    """The best candidate by the validation metric; epoch 0 is the state before a phase's first epoch."""

    phase: str
    epoch: int
    score: float
    valid: Evaluation
    state: dict[str, Tensor]


@dataclass
class Outcome:
    """What training ended in."""

    best: Best
    seconds: dict[str, float] = field(default_factory=lambda: {"train": 0.0, "evaluate": 0.0})
    notes: list[str] = field(default_factory=list)


class Trainer:
    """Runs phases on one model and keeps the best state by `valid_metric`.

    Args:
        on_epoch: called with the plain values of each epoch (a run record's log).
    """

    def __init__(self, model: nn.Module, config: Any, valid: EvalSplit, on_epoch: Any = None) -> None:
        self.model, self.config, self.valid = model, config, valid
        self.on_epoch = on_epoch or (lambda line: None)
        self.metric = config["valid_metric"].lower()
        self.seconds = {"train": 0.0, "evaluate": 0.0}
        self.notes: list[str] = []

    def fit(self, phases: list[Phase]) -> Outcome:
        """Run the phases in order; afterwards the model is in the best state of those that may be ended in.

        Raises:
            TrainingFailed: no state could be evaluated, because the loss was not finite from the start.
        """
        best_of_all: Best | None = None
        previous: Best | None = None
        for phase in phases:
            best = self._run(phase, previous)
            if best is None:  # nothing that the next phase could start from
                break
            previous = best
            if phase.candidate and (best_of_all is None or best.score > best_of_all.score):
                best_of_all = best
        if best_of_all is None:
            raise TrainingFailed(
                f"training of {self.config['model']} ended before any state could be evaluated "
                f"({'; '.join(self.notes)}). A smaller learning_rate usually helps; features should be finite and of "
                "moderate scale."
            )
        restore(self.model, best_of_all.state)
        return Outcome(best_of_all, self.seconds, self.notes)

    def _run(self, phase: Phase, previous: Best | None) -> Best | None:
        if phase.begin is not None:
            phase.begin(previous)
        best = self._candidate(phase, 0, None, {}) if phase.score_start else None
        if phase.epochs == 0:
            return best
        optimizer = build_optimizer(phase.learner, phase.parameter_groups(), self.config["weight_decay"] or 0.0)
        scheduler = build_scheduler(optimizer, self.config["learning_rate_scheduler"])
        misses = 0
        bar = tqdm(
            total=phase.epochs,
            desc=phase.name,
            unit="epoch",
            disable=None if self.config["progress"] else True,
            leave=False,
        )
        with bar:
            for epoch in range(1, phase.epochs + 1):
                losses = self._epoch(phase, epoch, optimizer)
                bar.update()
                if losses is None:
                    break
                scheduler.step()
                if epoch % phase.eval_every and epoch != phase.epochs:
                    self._log(phase, epoch, losses, None)
                    continue
                try:
                    candidate = self._candidate(phase, epoch, best, losses)
                except NotFinite as error:  # the last step of the epoch diverged
                    self._note(f"{phase.name}, epoch {epoch}: {error}")
                    break
                if candidate is not None:
                    best, misses = candidate, 0
                    bar.set_postfix_str(f"{self.metric} {best.score:.4f} at {epoch}")
                    continue
                misses += 1
                if misses > phase.patience:  # MMRec stops when the count exceeds stopping_step
                    break
        if best is not None:
            log.info("%s: best %s %.4f at epoch %d", phase.name, self.metric, best.score, best.epoch)
        return best

    def _epoch(self, phase: Phase, epoch: int, optimizer: torch.optim.Optimizer) -> dict[str, float] | None:
        """Mean loss parts of one epoch, or None when a loss was not finite: then nothing of that batch is learned."""
        started = time.perf_counter()
        release_freed_memory()
        self.model.pre_epoch_processing()
        self.model.train()
        sums: dict[str, Tensor] = {}
        n_batches = 0
        bar = tqdm(
            phase.batches(epoch),
            total=phase.n_batches,
            desc=f"{phase.name} {epoch}",
            unit="batch",
            leave=False,
            position=1,
            disable=None if self.config["progress"] else True,
        )
        for batch in bar:
            optimizer.zero_grad(set_to_none=True)
            parts = _named_parts(phase.loss(batch))
            loss = torch.stack([part.reshape(()) for part in parts.values()]).sum()
            if not math.isfinite(loss.item()):
                note = f"{phase.name}, epoch {epoch}: the loss is {loss.item()}; ended, the best state so far is kept"
                self._note(note)
                bar.close()
                return None
            loss.backward()
            if self.config["clip_grad_norm"]:
                clip = self.config["clip_grad_norm"]
                limit = clip if isinstance(clip, Mapping) else {"max_norm": clip}
                torch.nn.utils.clip_grad_norm_([p for g in optimizer.param_groups for p in g["params"]], **limit)
            optimizer.step()
            n_batches += 1
            for name, part in parts.items():
                sums[name] = sums.get(name, 0.0) + part.detach().reshape(())
        self.seconds["train"] += time.perf_counter() - started
        message = self.model.post_epoch_processing()
        if message is not None:
            log.info(message)
        return {name: total.item() / max(n_batches, 1) for name, total in sums.items()}

    def _note(self, note: str) -> None:
        log.warning(note)
        self.notes.append(note)

    def _candidate(self, phase: Phase, epoch: int, best: Best | None, losses: dict[str, float]) -> Best | None:
        """Evaluate the current state; the new best, or None if it is not strictly better."""
        started = time.perf_counter()
        if phase.before_evaluation is not None:
            phase.before_evaluation()
        evaluation = evaluate(self.model, self.valid, self.config)
        self.seconds["evaluate"] += time.perf_counter() - started
        if self.metric not in evaluation.means:
            raise ConfigError(
                f"valid_metric={self.config['valid_metric']}: not computed; known: {', '.join(evaluation.means)}."
            )
        score = evaluation.means[self.metric]
        self._log(phase, epoch, losses, evaluation)
        if best is not None and score <= best.score:
            return None
        return Best(phase.name, epoch, score, evaluation, snapshot(self.model))

    def _log(self, phase: Phase, epoch: int, losses: dict[str, float], evaluation: Evaluation | None) -> None:
        line: dict[str, Any] = {"phase": phase.name, "epoch": epoch, "loss": losses}
        if phase.report is not None:
            line |= phase.report()
        if evaluation is not None:
            line["valid"] = evaluation.means
        line["seconds"] = {k: round(v, 3) for k, v in self.seconds.items()}
        line |= peak_memory()
        self.on_epoch(line)
        shown = " ".join(f"{k} {v:.4f}" for k, v in losses.items())
        score = f" | valid {self.metric} {evaluation.means[self.metric]:.4f}" if evaluation else ""
        log.debug("%s epoch %d: %s%s", phase.name, epoch, shown, score)


def _named_parts(loss: Tensor | tuple[Tensor, ...] | dict[str, Tensor]) -> dict[str, Tensor]:
    if isinstance(loss, dict):
        return loss
    if isinstance(loss, tuple):
        return {f"part{i}": part for i, part in enumerate(loss, start=1)}
    return {"loss": loss}
