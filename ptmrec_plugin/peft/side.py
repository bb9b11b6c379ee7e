"""A side network over the cached states of all blocks; nothing is back-propagated through the tower itself.

After IISAN (Fu et al., 2024) and ladder side tuning (Sung et al., 2022): one vector a block and item is all that is
kept of the tower, a gate mixes each with what the network has made of the blocks below. IISAN's network between the
modalities is left out, since features of each modality are encoded apart.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

from ..encoders.dual import DualEncoder
from ..encoders.towers import States, Tower
from .base import PEFT
from .blocks import blocks_by_modality
from .own import OwnHandle, attach


class SideNetwork(nn.Module):
    """Adds to the frozen features what it makes of the blocks' vectors; nothing, at the start.

    Args:
        widths: of the blocks' vectors, from the lowest chosen block on.
        width: its own.
        dim: of the features.
    """

    def __init__(self, widths: list[int], width: int, dim: int) -> None:
        super().__init__()
        self.widths = widths
        self.norms = nn.ModuleList(nn.LayerNorm(w) for w in widths)
        self.down = nn.ModuleList(nn.Linear(w, width) for w in widths)
        self.layers = nn.ModuleList(nn.Linear(width, width) for _ in widths)
        self.gates = nn.Parameter(torch.zeros(len(widths)))
        self.up = nn.Linear(width, dim)
        nn.init.zeros_(self.up.weight)
        nn.init.zeros_(self.up.bias)

    def forward(self, vectors: list[Tensor], features: Tensor) -> Tensor:
        """Features [batch, dim] from vectors [batch, width_b] of the chosen blocks and the frozen features."""
        hidden = features.new_zeros(())
        for i, vector in enumerate(vectors):
            gate = torch.sigmoid(self.gates[i])
            hidden = gate * hidden + (1 - gate) * self.down[i](self.norms[i](vector))
            hidden = hidden + nn.functional.gelu(self.layers[i](hidden))
        return features + self.up(hidden)


class SideTower(Tower):
    """The whole frozen tower as a stem without gradients, and the side network as its head; it has no blocks.

    Its activations are the chosen blocks' vectors and the frozen features, side by side [batch, sum of widths].

    Attributes:
        network: set once the widths of `parts` are known.
    """

    network: SideNetwork

    n_blocks = 0
    is_sequence = False

    def __init__(self, tower: Tower, blocks: list[int], active: Callable[[], bool]) -> None:
        self.inner, self.blocks, self.active = tower, blocks, active
        self.path, self.dim, self.block_roles = tower.path, tower.dim, tower.block_roles
        self.kind = f"summaries of blocks {', '.join(map(str, blocks))}"

    @torch.no_grad()
    def parts(self, inputs: Tensor) -> list[Tensor]:
        """A vector for what leaves each chosen block, then the frozen features."""
        states, vectors = self.inner.stem(inputs), []
        for index in range(self.inner.n_blocks):
            states = self.inner.block(index, states)
            if index in self.blocks:
                vectors.append(self.inner.summary(states))
        return [*vectors, self.inner.head(states)]

    def stem(self, inputs: Tensor) -> States:
        """Vectors of the chosen blocks and frozen features, side by side."""
        return States(torch.cat(self.parts(inputs), 1))

    def head(self, states: States) -> Tensor:
        """Features with what the side network adds to them."""
        *vectors, features = states.hidden.split([*self.network.widths, self.dim], 1)
        return self.network(vectors, features) if self.active() else features


@PEFT.register("side")
def apply_side(encoder: DualEncoder, config: Any, modalities: list[str]) -> OwnHandle:
    """A side network over the states of the chosen blocks.

    Keys: `side_width`, `vision_blocks`, `text_blocks` (whose states it sees).

    Raises:
        ConfigError: no block chosen.
    """
    blocks = blocks_by_modality(encoder, config, modalities)
    device = next(encoder.model.parameters()).device
    samples = {"v": torch.zeros(1, 3, *encoder.image_size, device=device), "t": encoder.tokens(["a"]).to(device)}
    towers = {m: SideTower(encoder.towers[m], chosen, lambda: handle.active) for m, chosen in blocks.items()}
    networks = nn.ModuleDict()
    for m, tower in towers.items():
        *vectors, features = (part.shape[1] for part in tower.parts(samples[m]))
        networks[m] = tower.network = SideNetwork(vectors, int(config["side_width"]), features)
    attach(encoder, networks)
    encoder.towers.update(towers)
    handle = OwnHandle(encoder, dict.fromkeys(towers, 0), dict(networks.named_parameters()))
    handle.why_not_merged = "Its network runs beside the towers, which have no place for it."
    return handle
