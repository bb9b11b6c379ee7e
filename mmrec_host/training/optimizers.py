"""Optimizers and the learning-rate schedule, by MMRec's names."""

from __future__ import annotations

from typing import Any

import torch
from torch.optim.lr_scheduler import LambdaLR

from ..errors import ConfigError

OPTIMIZERS = {
    "adam": torch.optim.Adam,
    "adamw": torch.optim.AdamW,
    "sgd": torch.optim.SGD,
    "adagrad": torch.optim.Adagrad,
    "rmsprop": torch.optim.RMSprop,
}
KEPT = {
    "adam": {"step", "exp_avg", "exp_avg_sq"},
    "adamw": {"step", "exp_avg", "exp_avg_sq"},
    "sgd": set(),
    "adagrad": {"step", "sum"},
    "rmsprop": {"step", "square_avg"},
}
"""What each keeps of a parameter from step to step."""

FUSED = {"adam", "adamw"}  # one pass over the parameters instead of six


def optimizer_name(learner: str) -> str:
    """One of OPTIMIZERS; `ConfigError` for another word."""
    name = str(learner).lower()
    if name not in OPTIMIZERS:
        raise ConfigError(f"learner={learner!r}: must be one of {', '.join(OPTIMIZERS)}.")
    return name


def build_optimizer(learner: str, groups: list[dict[str, Any]], weight_decay: float) -> torch.optim.Optimizer:
    """The optimizer over the groups' trainable parameters; `ConfigError` for an unknown name or nothing to train."""
    name = optimizer_name(learner)
    groups = [{**g, "params": [p for p in g["params"] if p.requires_grad]} for g in groups]
    groups = [{"weight_decay": weight_decay, **g} for g in groups if g["params"]]
    if not groups:
        raise ConfigError("the model has no trainable parameters; a model without training says req_training: false.")
    dtypes_fit = all(p.is_floating_point() and not p.is_sparse for g in groups for p in g["params"])
    return OPTIMIZERS[name](groups, **({"fused": True} if name in FUSED and dtypes_fit else {}))


def load_optimizer_state(optimizer: torch.optim.Optimizer, learner: str, saved: dict[str, Any]) -> None:
    """Bring back the state that `optimizer.state_dict` gave after at least one step.

    Raises:
        ValueError: it is of another optimizer, or of other parameters.
    """
    kept = KEPT[optimizer_name(learner)]
    states = list(saved["state"].values())
    if kept and (not states or not all(kept <= state.keys() for state in states)):
        raise ValueError(f"the optimizer's state lacks {', '.join(sorted(kept))}")
    optimizer.load_state_dict(saved)
    for parameter, state in optimizer.state.items():
        for name in kept - {"step"}:
            if state[name].shape != parameter.shape:
                raise ValueError(f"the optimizer's {name} has another shape than its parameter")


def build_scheduler(optimizer: torch.optim.Optimizer, base: float, step: float) -> LambdaLR:
    """A schedule that multiplies the learning rate of an epoch by `base ** (epoch / step)`."""
    return LambdaLR(optimizer, lambda epoch: float(base) ** (epoch / float(step)))
