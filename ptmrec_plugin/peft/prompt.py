"""Deep prompts: trained tokens beside an item's own, in both towers (MaPLe, VPT, CoOp by their YAML files).

At the lowest chosen block the prompts are put after the class or start token; at each further chosen block fresh ones
take their place; before the head they are cut out. They have no position embeddings, and the item's own tokens keep
theirs, whereas CoOp and MaPLe replace placeholder words in a text of fixed length.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

from mmrec_host.errors import ConfigError

from ..encoders.dual import DualEncoder
from ..encoders.towers import States, Tower
from .base import PEFT
from .blocks import blocks_by_modality, require_sequence
from .own import OwnHandle, attach

DEVIATION = 0.02  # of the prompts at the start, as in CoOp and MaPLe


class Prompts(nn.Module):
    """Prompts [depth, length, width] of each tower; coupled, the image's are linear images of the text's.

    Args:
        widths: modality -> width of the tower's tokens.
        depths: modality -> number of blocks with prompts.
    """

    def __init__(self, widths: dict[str, int], depths: dict[str, int], length: int, coupled: bool) -> None:
        super().__init__()
        self.coupled = coupled
        free = ["t"] if coupled else list(widths)
        self.prompts = nn.ParameterDict(
            {m: nn.Parameter(torch.randn(depths[m], length, widths[m]) * DEVIATION) for m in free}
        )
        if coupled:
            self.couplings = nn.ModuleList(nn.Linear(widths["t"], widths["v"]) for _ in range(depths["v"]))

    def forward(self, modality: str, depth: int) -> Tensor:
        """[length, width] for the depth-th chosen block of a tower."""
        if modality == "v" and self.coupled:
            return self.couplings[depth](self.prompts["t"][depth])
        return self.prompts[modality][depth]


class PromptedTower(Tower):
    """A tower of tokens whose chosen blocks see prompts.

    Args:
        prompt: number of a chosen block among them -> prompts [length, width].
        active: whether the prompts are there at all.
    """

    def __init__(
        self, tower: Tower, blocks: list[int], length: int, prompt: Callable[[int], Tensor], active: Callable[[], bool]
    ) -> None:
        self.inner, self.blocks, self.length, self.prompt, self.active = tower, blocks, length, prompt, active
        self.path, self.n_blocks, self.dim, self.block_roles = tower.path, tower.n_blocks, tower.dim, tower.block_roles

    def stem(self, inputs: Tensor) -> States:
        """Embeddings of the inner tower, without prompts."""
        return self.inner.stem(inputs)

    def block(self, index: int, states: States) -> States:
        """A block, before which prompts are put in or replaced."""
        if self.active() and index in self.blocks:
            depth = self.blocks.index(index)
            states = self._with_prompts(states if depth == 0 else self._without_prompts(states), self.prompt(depth))
        return self.inner.block(index, states)

    def head(self, states: States) -> Tensor:
        """The head, which sees no prompts."""
        return self.inner.head(self._without_prompts(states) if self.active() else states)

    def _with_prompts(self, states: States, prompts: Tensor) -> States:
        tokens = states.tokens
        if tokens is not None:  # the start token's id stands for a prompt, so that no mask hides it
            tokens = torch.cat([tokens[:, :1], tokens[:, :1].expand(-1, self.length), tokens[:, 1:]], 1)
        hidden = states.hidden
        prompts = prompts.to(hidden.dtype).expand(len(hidden), -1, -1)
        return States(torch.cat([hidden[:, :1], prompts, hidden[:, 1:]], 1), tokens)

    def _without_prompts(self, states: States) -> States:
        tokens = None if states.tokens is None else self._cut(states.tokens)
        return States(self._cut(states.hidden), tokens)

    def _cut(self, x: Tensor) -> Tensor:
        return torch.cat([x[:, :1], x[:, 1 + self.length :]], 1)


class PromptHandle(OwnHandle):
    """A handle of prompts, which change the features from the first step on."""

    identity_at_start = False
    why_not_merged = "Prompts are tokens of their own, which no weight of the encoder stands for."


@PEFT.register("prompt")
def apply_prompt(encoder: DualEncoder, config: Any, modalities: list[str]) -> PromptHandle:
    """Prompts at the chosen blocks of the chosen towers.

    Keys: `prompt_length` (tokens), `prompt_coupled` (with both towers, the image's prompts are linear images of the
    text's, block by block from the lowest chosen one), `vision_blocks`, `text_blocks`.

    Raises:
        ConfigError: a tower without tokens; coupled, another number of blocks in one tower than in the other.
    """
    blocks = blocks_by_modality(encoder, config, modalities)
    require_sequence(encoder, blocks, config)
    coupled = config["prompt_coupled"] and len(blocks) > 1
    if coupled and len(blocks["v"]) != len(blocks["t"]):
        raise ConfigError(
            f"vision_blocks={config['vision_blocks']}, text_blocks={config['text_blocks']}: coupled prompts need as "
            f"many blocks in one tower as in the other, these are {len(blocks['v'])} and {len(blocks['t'])}. "
            "prompt_coupled=false trains the two towers' prompts apart."
        )
    widths = {m: encoder.towers[m].width for m in blocks}
    depths = {m: len(chosen) for m, chosen in blocks.items()}
    length = int(config["prompt_length"])
    prompts = attach(encoder, Prompts(widths, depths, length, coupled))
    handle = PromptHandle(encoder, {m: chosen[0] for m, chosen in blocks.items()}, dict(prompts.named_parameters()))
    for m, chosen in blocks.items():
        encoder.towers[m] = PromptedTower(
            encoder.towers[m], chosen, length, functools.partial(prompts, m), lambda: handle.active
        )
    return handle
