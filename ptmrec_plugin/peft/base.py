"""What a PEFT variant is: a function of an encoder and a configuration that returns a handle."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from mmrec_host.errors import ConfigError
from mmrec_host.registry import Registry

from ..encoders.dual import DualEncoder
from ..encoders.towers import Tower

PEFT = Registry("peft", group="ptmrec.peft")
"""Name -> `apply(encoder, config, modalities) -> Handle`; its `defaults` are the keys of a variant without a YAML."""

BLOCK_KEYS = {"v": "vision_blocks", "t": "text_blocks"}


class Handle(ABC):
    """An applied variant.

    Attributes:
        encoder: the encoder whose model now holds the variant.
        cuts: modality -> lowest block that the variant touches; all below is frozen. Untouched towers are absent.
    """

    def __init__(self, encoder: DualEncoder, cuts: dict[str, int]) -> None:
        self.encoder, self.cuts = encoder, cuts

    @abstractmethod
    def named_parameters(self) -> dict[str, nn.Parameter]:
        """The trainable parameters."""

    @abstractmethod
    def save(self, folder: Path) -> None:
        """Write the variant, so that `load` reads it."""

    @abstractmethod
    def load(self, folder: Path) -> None:
        """Read what `save` wrote; `ConfigError` if it belongs to another encoder or variant."""

    @abstractmethod
    def disabled(self) -> AbstractContextManager[Any]:
        """Inside, the encoder computes as the frozen one, bit for bit."""

    def merge(self) -> nn.Module:
        """The encoder's model with the variant folded into its weights; `ConfigError` if the method has none."""
        raise ConfigError(f"{type(self).__name__} cannot be merged into the encoder's weights.")

    def train(self, mode: bool) -> None:  # noqa: B027 (most variants have no dropout)
        """Switch the variant's own dropout."""

    def n_parameters(self) -> int:
        """How many numbers are trained."""
        return sum(p.numel() for p in self.named_parameters().values())

    def state(self) -> dict[str, Tensor]:
        """A copy of the trainable parameters."""
        return {name: p.detach().clone() for name, p in self.named_parameters().items()}

    @torch.no_grad()
    def load_state(self, state: dict[str, Tensor]) -> None:
        """Bring a copy back."""
        for name, parameter in self.named_parameters().items():
            parameter.copy_(state[name])


def chosen_blocks(tower: Tower, wanted: Any, key: str) -> list[int]:
    """Block numbers from a key's value: the number of top blocks, `all`, or a list of block numbers.

    Raises:
        ConfigError: more blocks than there are, or a block that does not exist.
    """
    allowed = (
        f"0 to {tower.n_blocks} (that many top blocks), all, or a list of block numbers from 0 to {tower.n_blocks - 1}"
    )
    if wanted == "all":
        return list(range(tower.n_blocks))
    if isinstance(wanted, int) and not isinstance(wanted, bool) and 0 <= wanted <= tower.n_blocks:
        return list(range(tower.n_blocks - wanted, tower.n_blocks))
    if isinstance(wanted, list) and all(isinstance(b, int) and 0 <= b < tower.n_blocks for b in wanted):
        return sorted(set(wanted))
    raise ConfigError(f"{key}={wanted!r}: must be {allowed}.")


def blocks_by_modality(encoder: DualEncoder, config: Any, modalities: Iterable[str]) -> dict[str, list[int]]:
    """The blocks to adapt in each tower, by `vision_blocks` and `text_blocks`; towers without any are left out."""
    chosen = {m: chosen_blocks(encoder.towers[m], config[BLOCK_KEYS[m]], BLOCK_KEYS[m]) for m in modalities}
    return {m: blocks for m, blocks in chosen.items() if blocks}
