"""The trainer: phases, epochs, selection by the validation split."""

from __future__ import annotations

import logging
import math
import time
from collections.abc import Callable, Mapping
from contextlib import nullcontext, suppress
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from ..data.eval_split import EvalSplit
from ..environment import peak_memory
from ..errors import UserError
from ..evaluation.evaluator import Evaluation, evaluate, selection_score
from ..evaluation.ranking import NotFinite
from ..models.contract import Model
from ..processes import in_any, share_parameters
from ..progress_bar import progress_bar
from ..random_states import random_states, set_random_states
from .allocator import release_freed_memory
from .checkpoint import Checkpoint
from .model_state import restore, snapshot
from .optimizers import build_optimizer, build_scheduler, load_optimizer_state
from .options import TrainingOptions
from .phases import Loss, Phase, TrainedBefore
from .progress import Best, Progress

log = logging.getLogger(__name__)


class TrainingFailed(UserError):
    """Training broke off before any state could be evaluated."""


@dataclass
class Outcome:
    """What training ended in; `seconds` and `notes` as in `Progress`."""

    best: Best
    seconds: dict[str, float]
    notes: list[str]


class Trainer:
    """Runs phases on one model and keeps the best state by the validation metric.

    Args:
        valid: the split that selects.
        on_epoch: called with the plain values of each epoch (a run record's log).
        checkpoint: where training goes on from if the file is there, and what is written on the way.
    """

    def __init__(
        self,
        model: Model,
        options: TrainingOptions,
        valid: EvalSplit,
        on_epoch: Callable[[dict[str, Any]], None] | None = None,
        checkpoint: Checkpoint | None = None,
    ) -> None:
        self.model, self.options, self.valid, self.checkpoint = model, options, valid, checkpoint
        self.on_epoch = on_epoch or (lambda line: None)
        self.metric = options.evaluation.valid_metric
        self.progress = Progress()
        self.started = time.perf_counter()

    def fit(self, phases: list[Phase]) -> Outcome:
        """Run the phases in order; afterwards the model is in the best state of those that may be ended in.

        Raises:
            TrainingFailed: no state could be evaluated, because the loss was not finite from the start.
            DataError: the checkpoint cannot be gone on from.
        """
        saved = self.checkpoint.load() if self.checkpoint is not None else None
        if self.checkpoint is not None and saved is not None:
            with self.checkpoint.restoring():
                self.progress = Progress.from_plain(saved["progress"])
                log.info("going on after epoch %d of %s", self.progress.epoch, phases[self.progress.phase].name)
        resumed = saved is not None
        while self.progress.phase < len(phases):
            phase = phases[self.progress.phase]
            self._run(phase, saved)
            saved = None
            if self.progress.best is None:  # nothing that the next phase could start from
                break
            self.progress = self.progress.next_phase(phase.candidate)
        best = self.progress.overall
        if best is None:
            raise TrainingFailed(
                f"training of {self.options.model} ended before any state could be evaluated "
                f"({'; '.join(self.progress.notes)}). A smaller learning_rate usually helps; features should be finite "
                "and of moderate scale."
            )
        if best.phase != phases[-1].name:
            self._note(f"{phases[-1].name} brought nothing better on validation; this row is {best.phase}'s.")
        with self.checkpoint.restoring() if self.checkpoint is not None and resumed else nullcontext():
            restore(self.model, best.state)
        return Outcome(best, self.progress.seconds, self.progress.notes)

    def _run(self, phase: Phase, saved: dict[str, Any] | None) -> None:
        """One phase, from its beginning or from where `saved` left it."""
        at = self.progress
        phase.begin(at.previous)
        if saved is None and (earlier := phase.trained_before()) is not None:
            self._take(phase, earlier)
            return
        if saved is None and phase.score_start:
            at.recent = at.previous.recent[:-1] if at.previous is not None else []  # what is scored is that best
            self._is_better(phase, {})
        if phase.epochs == 0:
            return
        optimizer = build_optimizer(phase.learner, phase.parameter_groups(), self.options.weight_decay)
        scheduler = build_scheduler(optimizer, *self.options.schedule)
        if self.checkpoint is not None and saved is not None:
            with self.checkpoint.restoring():
                restore(self.model, saved["model"])
                load_optimizer_state(optimizer, phase.learner, saved["optimizer"])
                scheduler.load_state_dict(saved["scheduler"])
                set_random_states(saved["random"])
        shown = self.options.progress
        with progress_bar(phase.name, "epoch", phase.epochs, shown=shown, initial=at.epoch, leave=False) as bar:
            while at.epoch < phase.epochs and at.misses <= phase.patience:  # MMRec stops when misses exceed it
                at.epoch += 1
                losses = self._epoch(phase, optimizer)
                bar.update()
                if losses is None:
                    break
                scheduler.step()
                if at.epoch % phase.eval_every and at.epoch != phase.epochs:
                    self._log(phase, losses, None)
                else:
                    try:
                        better = self._is_better(phase, losses)
                    except NotFinite as error:  # the last step of the epoch diverged
                        self._note(f"{phase.name}, epoch {at.epoch}: {error}")
                        break
                    at.misses = 0 if better else at.misses + 1
                    if at.best is not None:
                        bar.set_postfix_str(f"{self.metric} {at.best.score:.4f} at {at.best.epoch}")
                if self.checkpoint is not None:
                    self.checkpoint.save(lambda: self._state(optimizer, scheduler))
        if at.best is not None:
            log.info("%s: best %s %.4f at epoch %d", phase.name, self.metric, at.best.score, at.best.epoch)

    def _take(self, phase: Phase, earlier: TrainedBefore) -> None:
        """Begin where another run has ended this phase, with what it logged and spent."""
        at = self.progress
        evaluation = evaluate(self.model, self.valid, self.options.evaluation)
        before = [line["valid"] for line in earlier.lines if line.get("valid") and line["epoch"] < earlier.epoch]
        with suppress(KeyError, TypeError):  # of a record that was edited; the state itself is evaluated here
            at.recent = [selection_score(means, self.options.evaluation) for means in before]
        self._keep(phase, earlier.epoch, evaluation)
        at.seconds = {name: spent + earlier.seconds[name] for name, spent in at.seconds.items()}
        at.notes += earlier.notes
        for line in earlier.lines:
            self.on_epoch({**line, "phase": phase.name})

    def _state(self, optimizer: torch.optim.Optimizer, scheduler: Any) -> dict[str, Any]:
        progress = self.progress.plain()
        progress["seconds"]["before"] += time.perf_counter() - self.started
        return {
            "progress": progress,
            "model": snapshot(self.model),
            "optimizer": optimizer.state_dict(),
            "scheduler": scheduler.state_dict(),
            "random": random_states(),
        }

    def _epoch(self, phase: Phase, optimizer: torch.optim.Optimizer) -> dict[str, float] | None:
        """Mean loss parts of one epoch, or None when a loss was not finite: then nothing of that batch is learned."""
        epoch = self.progress.epoch
        started = time.perf_counter()
        release_freed_memory()
        share_parameters(p for group in optimizer.param_groups for p in group["params"])
        self.model.pre_epoch_processing()
        self.model.train()
        sums: dict[str, Tensor] = {}
        n_batches = 0
        bar = progress_bar(
            *(f"{phase.name} {epoch}", "batch", phase.n_batches),
            shown=self.options.progress,
            over=phase.batches(epoch),
            leave=False,
            position=1,
        )
        for batch in bar:
            optimizer.zero_grad(set_to_none=True)
            parts = _named_parts(phase.loss(batch))
            loss = torch.stack([part.reshape(()) for part in parts.values()]).sum()
            if in_any(not math.isfinite(loss.item()), loss.device):
                note = f"{phase.name}, epoch {epoch}: the loss is {loss.item()}; ended, the best state so far is kept"
                self._note(note)
                bar.close()
                return None
            loss.backward()
            phase.after_backward()
            if self.options.clipping is not None:
                parameters = [p for g in optimizer.param_groups for p in g["params"]]
                torch.nn.utils.clip_grad_norm_(parameters, **self.options.clipping)
            optimizer.step()
            n_batches += 1
            for name, part in parts.items():
                sums[name] = sums.get(name, 0.0) + part.detach().reshape(())
        self.progress.seconds["train"] += time.perf_counter() - started
        message = self.model.post_epoch_processing()
        if message is not None:
            log.info(message)
        return {name: total.item() / max(n_batches, 1) for name, total in sums.items()}

    def _note(self, note: str) -> None:
        log.warning(note)
        self.progress.notes.append(note)

    def _is_better(self, phase: Phase, losses: dict[str, float]) -> bool:
        """Evaluate the current state and keep it if it is strictly better than the phase's best."""
        at, started = self.progress, time.perf_counter()
        phase.before_evaluation()
        evaluation = evaluate(self.model, self.valid, self.options.evaluation)
        at.seconds["evaluate"] += time.perf_counter() - started
        self._log(phase, losses, evaluation)
        return self._keep(phase, at.epoch, evaluation)

    def _keep(self, phase: Phase, epoch: int, evaluation: Evaluation) -> bool:
        """Keep the current state if its score is above the phase's best."""
        at, options = self.progress, self.options.evaluation
        at.recent = [*at.recent, selection_score(evaluation.all_means(), options)][-options.window :]
        score = sum(at.recent) / len(at.recent)
        better = at.best is None or score > at.best.score
        if better:
            at.best = Best(phase.name, epoch, score, evaluation, snapshot(self.model), at.recent)
        return better

    def _log(self, phase: Phase, losses: dict[str, float], evaluation: Evaluation | None) -> None:
        epoch = self.progress.epoch
        line: dict[str, Any] = {"phase": phase.name, "epoch": epoch, "loss": losses, **phase.report()}
        if evaluation is not None:
            line["valid"] = evaluation.all_means()
        line["seconds"] = {k: round(v, 3) for k, v in self.progress.seconds.items()}
        line |= peak_memory()
        self.on_epoch(line)
        shown = " ".join(f"{k} {v:.4f}" for k, v in losses.items())
        score = f" | valid {self.metric} {evaluation.means[self.metric]:.4f}" if evaluation else ""
        log.debug("%s epoch %d: %s%s", phase.name, epoch, shown, score)


def _named_parts(loss: Loss) -> Mapping[str, Tensor]:
    if isinstance(loss, Mapping):
        return loss
    if isinstance(loss, tuple):
        return {f"part{i}": part for i, part in enumerate(loss, start=1)}
    return {"loss": loss}
