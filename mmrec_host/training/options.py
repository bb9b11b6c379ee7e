"""What the trainer needs to know of the configuration, checked once, before anything is read or trained."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ..config import Config
from ..errors import ConfigError, noted
from ..evaluation.options import EvaluationOptions
from ..yaml_values import flow
from .optimizers import optimizer_name

CLIPPING = {"max_norm", "norm_type", "error_if_nonfinite", "foreach"}


@dataclass(frozen=True)
class TrainingOptions:
    """How the phases of any model are trained.

    Attributes:
        model: its name, for messages.
        evaluation: how a state is scored, and by which metric the best one is selected.
        weight_decay: of the parameter groups that name none.
        schedule: a and b: the learning rate of epoch e is multiplied by a^(e / b).
        clipping: arguments of `torch.nn.utils.clip_grad_norm_`; None: gradients stay as they are.
        progress: whether progress bars are shown where stderr is a terminal.
    """

    model: str
    evaluation: EvaluationOptions
    weight_decay: float
    schedule: tuple[float, float]
    clipping: Mapping[str, Any] | None
    progress: bool

    @classmethod
    def from_config(cls, config: Config) -> TrainingOptions:
        """The options that the keys of training and evaluation say.

        Raises:
            ConfigError: all that is wrong, reported together: an unknown `learner`, a negative `weight_decay`, a
                `learning_rate_scheduler` or a `clip_grad_norm` of another form, and what
                `EvaluationOptions.from_config` refuses.
        """
        errors: list[str] = []
        with noted(errors):
            evaluation = EvaluationOptions.from_config(config)
        with noted(errors):
            optimizer_name(config["learner"])
        decay = config["weight_decay"] or 0.0
        if not (decay == 0 or _positive(decay)):
            errors.append(f"weight_decay={flow(decay)}: must be 0 or more.")
        schedule = config["learning_rate_scheduler"] or [1.0, 1]
        if not (isinstance(schedule, list | tuple) and len(schedule) == 2 and all(map(_positive, schedule))):
            errors.append(
                f"learning_rate_scheduler={flow(schedule)}: must be two positive numbers [a, b]; the learning rate is "
                "multiplied by a^(epoch / b)."
            )
        clipping = config["clip_grad_norm"] or None
        if clipping is not None and not isinstance(clipping, Mapping):
            clipping = {"max_norm": clipping}
        if clipping is not None and not (clipping.keys() <= CLIPPING and _positive(clipping.get("max_norm"))):
            errors.append(
                f"clip_grad_norm={flow(config['clip_grad_norm'])}: must be null, the largest allowed norm (a positive "
                "number), or a mapping such as {max_norm: 5, norm_type: 2}."
            )
        if errors:
            raise ConfigError("\n".join(errors))
        return cls(config["model"], evaluation, decay, (schedule[0], schedule[1]), clipping, bool(config["progress"]))


def _positive(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and value > 0
