"""A PEFT-wrapped encoder over the items: live features with gradients for a pool, current features of all items."""

from __future__ import annotations

import logging
import time
import weakref
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.optim.optimizer import Optimizer, register_optimizer_step_post_hook

from mmrec_host.data.features import shuffled_order

from .item_encoder import ItemEncoder, build_encoder, stack_states
from .peft.base import PEFT, STEM, Handle

log = logging.getLogger(__name__)


class Tuner:
    """Encodes items under the current PEFT parameters φ.

    Below the lowest block that the variant touches everything is frozen: its activations are read from the cache
    (`reuse_activations`), so that only the blocks above run.

    Args:
        modalities: what the recommender uses; those whose tower the variant leaves alone stay frozen.
        n_steps: optimizer steps that there will be at most.
    """

    def __init__(self, config: Any, items: ItemEncoder, modalities: list[str], n_steps: int) -> None:
        self.config, self.items = config, items
        self.encoder = build_encoder(config).to(config["device"])
        self.handle: Handle = PEFT.get(config["variant"] or config["peft"])(self.encoder, config, modalities)
        self.handle.begin(n_steps)
        watch_steps(self.handle)
        self.modalities = list(self.handle.cuts)
        self.first_state = self.handle.state()
        self.transforms = {m: items.transform(m) for m in self.modalities}
        reuse = config["reuse_activations"]
        cached = {m: cut for m, cut in self.handle.cuts.items() if reuse and cut != STEM}
        self.states = {m: items.states(self.encoder, m, cut) for m, cut in cached.items()}
        self.tokens = (
            self.encoder.tokens([items.content.text(i) for i in range(items.n_items)])
            if "t" in self.states and self.encoder.towers["t"].kind == "states"
            else None
        )
        self.changed = False
        self.gradient_norms: dict[str, list[Tensor]] = {m: [] for m in self.modalities}
        self.encoded, self.started = 0, 0.0
        self.warned: set[str] = set()
        order = shuffled_order(config, items.n_items)
        self.order = np.arange(items.n_items) if order is None else order.numpy()  # row i holds this item's features

    def _encode(self, modality: str, ids: np.ndarray) -> Tensor:
        if modality not in self.states:
            return self.encoder.encode(modality, self.items.inputs(self.encoder, modality, ids))
        tokens = self.tokens[torch.from_numpy(ids)] if modality == "t" and self.tokens is not None else None
        states = stack_states(self.states[modality].read(ids), tokens, self.config["device"])
        return self.encoder.finish(modality, states, self.handle.cuts[modality])

    def live(self, modality: str, items: Tensor) -> Tensor:
        """Differentiable features [n, d] of distinct items under φ; counts them and watches their gradient."""
        if not self.encoded:
            self.started = time.perf_counter()
        z = self.transforms[modality](self._encode(modality, self.order[items.cpu().numpy()]))
        self.encoded += len(items)
        if z.requires_grad:
            z.register_hook(lambda grad: self.gradient_norms[modality].append(grad.detach().norm()))
        return z

    @torch.no_grad()
    def table(self, modality: str) -> Tensor:
        """Features of all items under the current φ, [n_items, d]."""
        self.handle.train(False)
        ids, size = self.order, int(self.config["pool_size"])
        rows = [self.transforms[modality](self._encode(modality, ids[i : i + size])) for i in range(0, len(ids), size)]
        return torch.cat(rows)

    def epoch_report(self) -> dict[str, float]:
        """Mean gradient norm of each modality's live features, and items a second through forward and backward."""
        norms = {m: torch.stack(g).mean().item() if g else 0.0 for m, g in self.gradient_norms.items()}
        rate = self.encoded / (time.perf_counter() - self.started) if self.encoded else 0.0
        silent = [m for m, value in norms.items() if value == 0.0 and m not in self.warned]
        if silent and self.encoded:
            log.warning(
                "no gradient reached the encoder from the features %s: the loss of base=%s does not depend on them "
                "(FREEDOM with reg_weight=0 and kt_weight=0 only ranks by a graph frozen from them), or they have left "
                "the range in which it does (MGCN's gates saturate; a smaller tuning_learning_rate keeps them there).",
                ", ".join(silent),
                self.config["base"],
            )
            self.warned.update(silent)
        self.gradient_norms = {m: [] for m in self.modalities}
        encoded, self.encoded = self.encoded, 0
        return {
            **{f"gradient_norm_{m}": value for m, value in norms.items()},
            "encodings": encoded,
            "items_per_second": rate,
        }


def watch_steps(handle: Handle) -> None:
    """Call `handle.after_step` after every step of the optimizer that has its parameters, as long as it lives."""
    first = next(iter(handle.named_parameters().values()), None)
    alive = weakref.ref(handle)

    def after_step(optimizer: Optimizer, *_: Any) -> None:
        watched = alive()
        if watched is not None and any(p is first for group in optimizer.param_groups for p in group["params"]):
            watched.after_step()

    weakref.finalize(handle, register_optimizer_step_post_hook(after_step).remove)
