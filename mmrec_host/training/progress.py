"""How far training has come, in values that a file can hold."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor

from ..evaluation.evaluator import Evaluation


@dataclass
class Best:
    """The best candidate by the validation metric; epoch 0 is the state before a phase's first epoch.

    Attributes:
        score: what it was selected by: the mean of `recent`.
        recent: what was measured at the state, last, and at those before it.
    """

    phase: str
    epoch: int
    score: float
    valid: Evaluation
    state: dict[str, Tensor]
    recent: list[float] = field(default_factory=list)


@dataclass
class Progress:
    """Where training stands between two epochs.

    Attributes:
        phase: number of the current phase, from 0.
        epoch: finished epochs of that phase.
        misses: evaluations in a row that brought no better state.
        recent: what the last evaluations measured, as many as select.
        best: the phase's best so far.
        previous: the best of the phase before, from which this one started.
        overall: the best of all finished phases that the run may end in.
        seconds: spent on training, on evaluation, and on everything in earlier processes of this run (`before`).
        notes: what a reader of the results should know.
    """

    phase: int = 0
    epoch: int = 0
    misses: int = 0
    recent: list[float] = field(default_factory=list)
    best: Best | None = None
    previous: Best | None = None
    overall: Best | None = None
    seconds: dict[str, float] = field(default_factory=lambda: {"train": 0.0, "evaluate": 0.0, "before": 0.0})
    notes: list[str] = field(default_factory=list)

    def next_phase(self, candidate: bool) -> Progress:
        """The start of the phase after this one; `candidate`: the run may end in this one's best."""
        overall = self.overall
        if candidate and self.best is not None and (overall is None or self.best.score > overall.score):
            overall = self.best
        return Progress(self.phase + 1, previous=self.best, overall=overall, seconds=self.seconds, notes=self.notes)

    def plain(self) -> dict[str, Any]:
        """The progress as numbers, texts, lists and tensors, which a file can hold."""
        values = vars(self) | {name: _plain_best(getattr(self, name)) for name in ("best", "previous", "overall")}
        return {**values, "seconds": dict(self.seconds), "notes": list(self.notes)}

    @classmethod
    def from_plain(cls, values: dict[str, Any]) -> Progress:
        """The progress that `plain` was made of; `ValueError` for one that no training can be in."""
        counts = [values[name] for name in ("phase", "epoch", "misses")]
        seconds, notes = values["seconds"], values["notes"]
        measured = [seconds[name] for name in ("train", "evaluate", "before")] + list(values.get("recent", []))
        if not all(type(n) is int and n >= 0 for n in counts) or not all(type(s) in (int, float) for s in measured):
            raise ValueError("its counts or times are no numbers from 0")
        if not isinstance(notes, list) or not all(isinstance(note, str) for note in notes):
            raise ValueError("its notes are no texts")
        return cls(**values | {name: _best(values[name]) for name in ("best", "previous", "overall")})


def _plain_best(best: Best | None) -> dict[str, Any] | None:
    if best is None:
        return None
    return vars(best) | {"valid": _plain_evaluation(best.valid)}


def _plain_evaluation(evaluation: Evaluation) -> dict[str, Any]:
    return vars(evaluation) | {
        "users": torch.from_numpy(evaluation.users),
        "per_user": {name: torch.from_numpy(values) for name, values in evaluation.per_user.items()},
        "beside": {name: _plain_evaluation(each) for name, each in evaluation.beside.items()},
    }


def _best(values: dict[str, Any] | None) -> Best | None:
    if values is None:
        return None
    return Best(**values | {"valid": _evaluation(values["valid"])})


def _evaluation(values: dict[str, Any]) -> Evaluation:
    arrays = {name: tensor.numpy() for name, tensor in values["per_user"].items()}
    beside = {name: _evaluation(each) for name, each in values.get("beside", {}).items()}  # older files have none
    return Evaluation(**values | {"users": values["users"].numpy(), "per_user": arrays, "beside": beside})
