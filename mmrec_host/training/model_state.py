"""A model's state, copied and brought back."""

from __future__ import annotations

from torch import Tensor

from ..models.base import Recommender
from ..models.contract import KeepsState, Model, scorer


def snapshot(model: Model) -> dict[str, Tensor]:
    """A copy of the state that a better epoch must be able to bring back."""
    if isinstance(model, KeepsState):
        return model.snapshot()
    return {name: tensor.detach().clone() for name, tensor in model.state_dict().items()}


def restore(model: Model, state: dict[str, Tensor]) -> None:
    """Bring a snapshot back."""
    if isinstance(model, KeepsState):
        model.restore(state)
    else:
        model.load_state_dict(state)
    if isinstance(scoring := scorer(model), Recommender):
        scoring.forget_prepared()
