"""A phase of training: what is trained on which batches, from what state, for how long."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from torch import Tensor, nn

from ..models.base import Recommender


@dataclass
class Phase:
    """One phase; a plain model has one, PTMRec's stages are phases.

    Attributes:
        batches: epoch number (from 1) -> the batches of that epoch.
        n_batches: how many there are, for the progress bar.
        loss: batch -> the loss: a tensor, a tuple of parts, or a mapping of named parts; parts are summed.
        parameter_groups: called when the phase begins; the optimizer's groups, each with `params`, `name` and its own
            `lr`.
        epochs: at most so many.
        patience: the phase stops when more evaluations in a row than this bring no better one.
        eval_every: epochs between evaluations.
        begin: called once before the phase, given the best state of the phases before it (None if there is none).
        score_start: whether the state before the first epoch is a candidate too.
        candidate: whether the run may end in a state of this phase.
        before_evaluation: called before each evaluation, to bring derived state up to date.
        after_backward: called when a batch's gradients are there, before they are clipped and the step is made.
        report: called after each epoch; plain values for the epoch's log line.
        learner: the optimizer's name.
    """

    name: str
    batches: Callable[[int], Iterable[Any]]
    n_batches: int
    loss: Callable[[Any], Tensor | tuple[Tensor, ...] | dict[str, Tensor]]
    parameter_groups: Callable[[], list[dict[str, Any]]]
    epochs: int
    patience: int
    eval_every: int = 1
    begin: Callable[[Any], None] | None = None
    score_start: bool = False
    candidate: bool = True
    before_evaluation: Callable[[], None] | None = None
    after_backward: Callable[[], None] | None = None
    report: Callable[[], dict[str, Any]] | None = None
    learner: str = "adam"


def single_phase(model: nn.Module, loader: Any, config: Any) -> Phase:
    """The one phase of a plain model: all its parameters, MMRec's optimizer settings."""
    trains = config["req_training"] is not False
    return Phase(
        name="train",
        batches=loader.epoch,
        n_batches=len(loader),
        loss=model.calculate_loss,
        parameter_groups=lambda: [{"name": "model", "params": list(model.parameters()), "lr": config["learning_rate"]}],
        epochs=config["epochs"] if trains else 0,
        patience=config["stopping_step"],
        eval_every=min(config["eval_step"], max(config["epochs"], 1)),
        score_start=not trains,
        learner=config["learner"],
    )


def phases_of(model: nn.Module, loader: Any, config: Any) -> list[Phase]:
    """The phases that the model plans, or the single one of a model that plans none."""
    plan = getattr(model, "phases", None)
    return plan(loader) if plan is not None else [single_phase(model, loader, config)]


def snapshot(model: nn.Module) -> dict[str, Tensor]:
    """A copy of the state that a better epoch must be able to bring back; a model may define its own `snapshot`."""
    own = getattr(model, "snapshot", None)
    return own() if own is not None else {k: v.detach().clone() for k, v in model.state_dict().items()}


def restore(model: nn.Module, state: dict[str, Tensor]) -> None:
    """Bring a snapshot back."""
    own = getattr(model, "restore", None)
    if own is not None:
        own(state)
    else:
        model.load_state_dict(state)
    if isinstance(model, Recommender):
        model.forget_prepared()
