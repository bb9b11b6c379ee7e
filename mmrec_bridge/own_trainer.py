"""What a checkout's own trainer does to its model besides MMRec's calls, and what of it is offered here.

The host trains: it calls `pre_epoch_processing`, `calculate_loss`, `post_epoch_processing` and `full_sort_predict`.
Some trainers also set an attribute of the model between epochs, by how the loss goes (MDVT's `flag`). Such a trainer is
made and shown the loss of each epoch.
"""

from __future__ import annotations

import importlib
import inspect
from typing import Any

import torch
from torch import Tensor, nn

from mmrec_host.errors import ConfigError

from .model_file import ModelFile

# How many arguments the host gives to what it calls.
HOOKS = {"pre_epoch_processing": 0, "calculate_loss": 1, "post_epoch_processing": 0, "full_sort_predict": 1}


class OwnTrainer:
    """The checkout's `Trainer`, shown how the host's training goes; to be used inside the file's world.

    Args:
        model: the file's own.
        settings: the configuration as the model sees it.
    """

    def __init__(self, file: ModelFile, model: nn.Module, settings: Any) -> None:
        built = importlib.import_module("common.trainer").Trainer
        further = list(inspect.signature(built).parameters)[2:]
        words = {name: settings[name] for name in further if name in settings}
        self._make = lambda: built(settings, model, **words)
        self._trainer = self._make()
        self.losses: list[float] = []

    def see(self, loss: float) -> None:
        """Show an epoch: one batch with its whole loss, of which no parameter is a part."""
        value = torch.tensor(loss, requires_grad=True)
        with torch.enable_grad():
            self._trainer._train_epoch([torch.zeros(1)], len(self.losses), loss_func=lambda *_, **__: value * 1)
        self.losses.append(loss)

    def see_again(self, losses: list[float]) -> None:
        """Begin anew, with the epochs that led to a state that is brought back."""
        self._trainer, self.losses = self._make(), []
        for loss in losses:
            self.see(loss)


def require_hooks(file: ModelFile, model: nn.Module) -> None:
    """Refuse a model whose methods its own trainer gives more than the host does; `ConfigError` before training."""
    for name, count in HOOKS.items():
        method = getattr(model, name, None)
        if method is None:
            raise ConfigError(
                f"{file.path}: {file.name} cannot run here: it has no {name}, which the host calls; its own trainer "
                "may train it in another way, which the host cannot."
            )
        parameters = list(inspect.signature(method).parameters.values())
        plain = [p for p in parameters if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)]
        needed = [p.name for p in plain[count:] if p.default is p.empty]
        needed += [p.name for p in parameters if p.kind == p.KEYWORD_ONLY and p.default is p.empty]
        if needed:
            raise ConfigError(
                f"{file.path}: {file.name} cannot run here: its {name} also takes {', '.join(needed)}, which its own "
                "trainer gives it and the host does not."
            )


def total(loss: Tensor | tuple[Tensor, ...]) -> float:
    """The sum of a batch's parts."""
    parts = loss if isinstance(loss, tuple) else (loss,)
    return sum(float(part.detach().sum()) for part in parts)
