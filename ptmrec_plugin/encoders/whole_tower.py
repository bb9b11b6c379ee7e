"""A tower that cannot be cut into blocks: its features are there, and nothing of it can be tuned."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from .towers import States, Tower


class WholeTower(Tower):
    """The library's own encoding as a stem without blocks.

    Args:
        model: an open_clip model.
        reason: why it cannot be cut, for messages.
    """

    n_blocks = 0
    path = ""
    block_roles = {}
    is_sequence = False
    reads_padding = True
    kind = "features"

    def __init__(self, model: nn.Module, modality: str, dim: int, reason: str) -> None:
        self.model, self.modality, self.dim, self.whole_because = model, modality, dim, reason

    def stem(self, inputs: Tensor) -> States:
        """The features, of texts at their full length."""
        return States(library_features(self.model, self.modality, inputs))

    def head(self, states: States) -> Tensor:
        """The features, as they are."""
        return states.hidden

    def summary(self, states: States) -> Tensor:
        """The features."""
        return states.hidden


@torch.no_grad()
def library_features(model: Any, modality: str, inputs: Tensor) -> Tensor:
    """Features [batch, dim] by open_clip's own `encode_image` or `encode_text`, not normalised, without the tokens."""
    encode = model.encode_image if modality == "v" else model.encode_text
    output = encode(inputs, normalize=False)
    return output[0] if isinstance(output, tuple) else output
