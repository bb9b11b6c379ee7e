"""Items through the encoder with gradients: from cached activations where the variant leaves blocks frozen, else from
raw content; in chunks where a whole pool needs too much memory.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor
from torch.utils.checkpoint import checkpoint

from ..encoders.towers import States
from ..items.item_encoder import ItemEncoder, stack_states
from ..peft.base import STEM, Handle
from .options import TuningOptions


class LiveEncoder:
    """Encodes items as the variant of `handle` has it.

    Below the lowest block that the variant touches everything is frozen: its activations are read from the cache
    (`reuse_activations`), so that only the blocks above run.

    Attributes:
        chunk: items encoded at once with gradients; None: all.
    """

    def __init__(self, options: TuningOptions, items: ItemEncoder, handle: Handle) -> None:
        self.items, self.handle, self.encoder = items, handle, handle.encoder
        self.device, self.chunk, self.half = options.device, options.encode_chunk, options.half
        cuts = {m: cut for m, cut in handle.cuts.items() if options.reuse_activations and cut != STEM}
        self.activations = {m: items.states(self.encoder, m, cut) for m, cut in cuts.items()}
        texts = "t" in handle.cuts and ("t" not in cuts or self.encoder.towers["t"].kind == "states")
        self.tokens = self.encoder.tokens([items.content.text(i) for i in range(items.n_items)]) if texts else None
        for tower in self.encoder.towers.values():
            tower.recompute = options.gradient_checkpointing

    def load(self, ids: np.ndarray) -> dict[str, States]:
        """Of each tuned modality what its tower starts from, on the CPU; other processes may do this."""
        return {m: self.load_one(m, ids) for m in self.handle.cuts}

    def load_one(self, modality: str, ids: np.ndarray) -> States:
        """Of one modality."""
        tokens = None
        if modality == "t" and self.tokens is not None:
            tokens = self.tokens[torch.from_numpy(ids)]
            tokens = tokens[:, : int(self.encoder.lengths(tokens).max())]
        if modality in self.activations:
            return stack_states(self.activations[modality].read(ids), tokens)
        return States(self.items.inputs(self.encoder, modality, ids) if tokens is None else tokens)

    def encode(self, modality: str, loaded: States) -> Tensor:
        """What the tower pools [n, d]; with gradients enabled, in chunks that are computed again one after the other
        in the backward pass, so that the activations of one are in memory at a time: gradients are exact, and cost one
        more forward pass.
        """
        states = loaded.to(self.device)
        n = len(states.hidden)
        if self.chunk is None or self.chunk >= n or not torch.is_grad_enabled():
            return self.compute(modality, states)

        def compute(hidden: Tensor, tokens: Tensor | None) -> Tensor:
            return self.compute(modality, States(hidden, tokens))

        parts = [states.part(start, start + self.chunk) for start in range(0, n, self.chunk)]
        # By its tensors `checkpoint` knows whose random state the dropout draws from.
        return torch.cat([checkpoint(compute, part.hidden, part.tokens, use_reentrant=False) for part in parts])

    def compute(self, modality: str, states: States) -> Tensor:
        """The same, all at once, of states on the encoder's device."""
        with torch.autocast(self.device.type, torch.bfloat16, enabled=self.half):
            if modality in self.activations:
                pooled = self.encoder.finish(modality, states, self.handle.cuts[modality])
            else:
                pooled = self.encoder.encode(modality, states.hidden)
        return pooled.float()
