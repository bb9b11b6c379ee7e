"""A phase of training: what is trained on which batches, from what state, for how long."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from torch import Tensor

from ..models.contract import Model, PlansPhases
from .progress import Best


@dataclass
class TrainedBefore:
    """A phase that another run has trained already.

    Attributes:
        epoch: the best one.
        lines: what that run logged of its epochs.
        seconds: what was spent there on `train` and `evaluate`, and in all `before` the present run.
        notes: what a reader of its results should know.
    """

    epoch: int
    lines: list[dict[str, Any]]
    seconds: Mapping[str, float]
    notes: list[str]


Loss = Tensor | tuple[Tensor, ...] | Mapping[str, Tensor]
"""A tensor, a tuple of parts, or named parts; parts are summed."""


@dataclass
class Phase:
    """One phase; a plain model has one, PTMRec's stages are phases. Subclasses say what is trained, and how.

    Attributes:
        n_batches: how many an epoch has, for the progress bar.
        epochs: at most so many.
        patience: the phase stops when more evaluations in a row than this bring no better one.
        eval_every: epochs between evaluations.
        score_start: whether the state before the first epoch is a candidate too.
        candidate: whether the run may end in a state of this phase.
        learner: the optimizer's name.
    """

    name: str
    n_batches: int
    epochs: int
    patience: int
    eval_every: int = 1
    score_start: bool = False
    candidate: bool = True
    learner: str = "adam"

    def begin(self, best: Best | None) -> None:
        """Called once before the phase, with the best of the phase before; None if this is the first."""

    def trained_before(self) -> TrainedBefore | None:
        """Put the model into the phase's best state, if this is known already; the phase is then not trained."""
        return None

    def parameter_groups(self) -> list[dict[str, Any]]:
        """The optimizer's groups, each with `params`, `name` and its own `lr`; called after `begin`."""
        raise NotImplementedError(f"{type(self).__name__} must define parameter_groups")

    def batches(self, epoch: int) -> Iterable[Any]:
        """The batches of an epoch, counted from 1."""
        raise NotImplementedError(f"{type(self).__name__} must define batches")

    def loss(self, batch: Any) -> Loss:
        """The loss of a batch."""
        raise NotImplementedError(f"{type(self).__name__} must define loss")

    def after_backward(self) -> None:
        """Called when a batch's gradients are there, before they are clipped and the step is made."""

    def before_evaluation(self) -> None:
        """Called before each evaluation, to bring derived state up to date."""

    def report(self) -> dict[str, Any]:
        """Plain values for the epoch's log line; called once an epoch."""
        return {}


class SinglePhase(Phase):
    """The one phase of a plain model: all its parameters, MMRec's optimizer settings."""

    def __init__(self, model: Model, loader: Any, config: Any, name: str = "train") -> None:
        trains = config["req_training"] is not False
        super().__init__(
            name=name,
            n_batches=len(loader),
            epochs=config["epochs"] if trains else 0,
            patience=config["stopping_step"],
            eval_every=min(config["eval_step"], max(config["epochs"], 1)),
            score_start=not trains,
            learner=config["learner"],
        )
        self.model, self.loader, self.learning_rate = model, loader, config["learning_rate"]

    def parameter_groups(self) -> list[dict[str, Any]]:
        """One group with all parameters."""
        return [{"name": "model", "params": list(self.model.parameters()), "lr": self.learning_rate}]

    def batches(self, epoch: int) -> Iterable[Tensor]:
        """The loader's batches."""
        return self.loader.epoch(epoch)

    def loss(self, batch: Tensor) -> Loss:
        """The model's own loss."""
        return self.model.calculate_loss(batch)


def phases_of(model: Model, loader: Any, config: Any) -> list[Phase]:
    """The phases that the model plans, or the single one of a model that plans none."""
    return model.phases(loader) if isinstance(model, PlansPhases) else [SinglePhase(model, loader, config)]
