"""Xavier initialisation for `module.apply`: weights of embeddings and linear layers, whose biases become zero."""

from __future__ import annotations

from collections.abc import Callable

from torch import Tensor, nn


def _initialise(module: nn.Module, draw: Callable[[Tensor], Tensor]) -> None:
    if isinstance(module, nn.Embedding | nn.Linear):
        draw(module.weight.data)
    if isinstance(module, nn.Linear) and module.bias is not None:
        nn.init.zeros_(module.bias.data)


def xavier_normal_initialization(module: nn.Module) -> None:
    """Normal draws (Glorot and Bengio, 2010)."""
    _initialise(module, nn.init.xavier_normal_)


def xavier_uniform_initialization(module: nn.Module) -> None:
    """Uniform draws (Glorot and Bengio, 2010)."""
    _initialise(module, nn.init.xavier_uniform_)
