"""checkpoint.pt of a run's folder: the state of the model in its best epoch."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from pathlib import Path

import torch
from torch import Tensor, nn

from ..errors import DataError
from ..files import write_whole
from ..models.contract import Model
from ..training.model_state import restore
from ..weights_file import holds_nan, load_weights

FILE = "checkpoint.pt"


def save_model(folder: Path, state: Mapping[str, Tensor], model: nn.Module) -> None:
    """Write the name of the model's class, and the state; readable with `weights_only=True`."""
    checkpoint = {"model": type(model).__name__, "state": {name: tensor.cpu() for name, tensor in state.items()}}
    write_whole(folder / FILE, lambda file: torch.save(checkpoint, file))


def best_state(folder: Path) -> dict[str, Tensor] | None:
    """The state that `save_model` wrote, None if there is none; `DataError` if it cannot be read."""
    file = folder / FILE
    if not file.exists():
        return None
    try:
        with warnings.catch_warnings():  # models of MMRec keep sparse matrices; they are checked as they are loaded
            warnings.filterwarnings("ignore", r"(?i).*sparse.*invariant", UserWarning)
            saved = load_weights(file)
        state = saved.get("state") if isinstance(saved, dict) else None
        if not isinstance(state, dict) or not all(isinstance(tensor, Tensor) for tensor in state.values()):
            raise ValueError("its state is no tensors by name")
        if holds_nan(state):
            raise ValueError("there are weights that are no numbers")
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise DataError(f"{file}: cannot be read ({error}). Delete {folder}, and train it anew.") from error
    return state


def bring_back(model: Model, state: dict[str, Tensor], folder: Path) -> None:
    """Put what `best_state` read into the model; `DataError` if it does not fit there."""
    try:
        restore(model, state)
    except (KeyError, TypeError, ValueError, AttributeError, RuntimeError) as error:
        said = " ".join(str(error).split())[:200]
        raise DataError(
            f"{folder / FILE}: holds the weights of another model than config.yaml says ({said}). Delete {folder}, and "
            "train it anew."
        ) from error
