"""A PEFT-wrapped encoder over the items: live features with gradients for a pool, current features of all items."""

from __future__ import annotations

import logging
import time
import weakref
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.optim.optimizer import Optimizer, register_optimizer_step_post_hook

from mmrec_host.data.features import shuffled_order
from mmrec_host.data.loader import epoch_generator
from mmrec_host.processes import divide, gather, gather_rows, sum_gradients
from mmrec_host.ranks import n_processes, rank

from ..encoders.build import build_encoder
from ..encoders.towers import States
from ..items.item_encoder import ItemEncoder
from ..items.load_ahead import load_ahead
from ..peft.base import apply_variant
from .live_encoder import LiveEncoder
from .memory import require_memory
from .options import TuningOptions
from .pools import PoolBatch

log = logging.getLogger(__name__)


class Tuner:
    """Encodes items under the current PEFT parameters φ.

    Several processes divide the items; each back-propagates to its own, and their gradients are summed.

    Args:
        items: the items before the encoder; its configuration names the encoder and the variant.
        modalities: what the recommender uses; those whose tower the variant leaves alone stay frozen.
        n_steps: optimizer steps that there will be at most.
    """

    def __init__(self, options: TuningOptions, items: ItemEncoder, modalities: list[str], n_steps: int) -> None:
        self.options, self.items = options, items
        self.encoder = build_encoder(items.config).to(options.device)
        self.handle = apply_variant(self.encoder, items.config, modalities)
        self.handle.begin(n_steps)
        watch_steps(self)
        self.modalities = list(self.handle.cuts)
        self.first_state = self.handle.state()
        self.transforms = {m: items.transform(m) for m in self.modalities}
        self.live_encoder = LiveEncoder(options, items, self.handle)
        most = min(options.most_items, items.n_items)
        gather(lambda: require_memory(self.live_encoder, -(-most // n_processes())))
        self.draws = np.random.default_rng(options.seed)  # of this process's dropout
        self.loaded: tuple[Tensor, dict[str, States]] | None = None  # of the batch that comes next
        self.changed = False
        self.gradient_norms: dict[str, list[Tensor]] = {m: [] for m in self.modalities}
        self.encoded, self.started, self.ended = 0, 0.0, 0.0  # of the epoch that runs
        self.epochs: list[tuple[int, float]] = []  # encodings and seconds of those before
        self.warned: set[str] = set()
        order = shuffled_order(items.config, items.n_items)
        self.order = np.arange(items.n_items) if order is None else order.numpy()  # row i holds this item's features

    def ahead(self, batches: Iterable[PoolBatch], epoch: int) -> Iterator[PoolBatch]:
        """The batches of an epoch; what the encoder needs of each is loaded before it comes."""
        self.draws = epoch_generator(self.options.seed, f"process {rank()}", epoch)
        self.started = time.perf_counter()
        batches = list(batches)
        shares = [self._share_of(batch.items) for batch in batches]  # a worker knows nothing of the GPU
        for batch, (_, loaded) in zip(batches, load_ahead(self._load, shares, self.items.workers)):
            self.loaded = batch.items, loaded
            yield batch

    def _share_of(self, items: Tensor) -> np.ndarray:
        """Whose features this process computes."""
        return np.array_split(self.order[items.cpu().numpy()], n_processes())[rank()]

    def _load(self, share: np.ndarray) -> dict[str, States]:
        return self.live_encoder.load(share) if len(share) else {}

    def features_for_step(self, items: Tensor) -> dict[str, Tensor]:
        """Live features of distinct items for a training step, after which φ will have changed."""
        self.handle.train(True)
        self.changed = True
        return self.live(items)

    def live(self, items: Tensor) -> dict[str, Tensor]:
        """Differentiable features [n, d] of distinct items under φ, by modality; their gradient is watched."""
        if self.loaded is not None and self.loaded[0] is items:
            loaded = self.loaded[1]
        else:
            loaded = self._load(self._share_of(items))
        with self._own_random_states():
            shares = {m: self._share(m, loaded) for m in self.modalities}
        self.encoded += len(items) * len(shares)
        counts = [len(part) for part in np.array_split(np.empty(len(items)), n_processes())]
        return {m: self._watched(m, gather_rows(z, counts)) for m, z in shares.items()}

    @contextmanager
    def _own_random_states(self) -> Iterator[None]:
        """Inside, each of several processes draws a dropout of its own; all are in one state again afterwards."""
        if n_processes() == 1:
            yield
            return
        device = self.options.device
        with torch.random.fork_rng([device] if device.type == "cuda" else []):
            torch.manual_seed(int(self.draws.integers(2**31)))
            yield

    def _share(self, modality: str, loaded: dict[str, States]) -> Tensor:
        if modality in loaded:
            return self.transforms[modality](self.live_encoder.encode(modality, loaded[modality]))
        return torch.empty(
            0, *self.transforms[modality].mean.shape, device=self.options.device
        )  # more processes than items

    def _watched(self, modality: str, z: Tensor) -> Tensor:
        if z.requires_grad:
            z.register_hook(lambda grad: self.gradient_norms[modality].append(grad.detach().norm()))
        return z

    @torch.no_grad()
    def table(self, modality: str) -> Tensor:
        """Features of all items under the current φ, [n_items, d]."""
        self.handle.train(False)
        size = self.options.pool_size
        chunks = [self.order[start : start + size] for start in range(0, len(self.order), size)]
        loaded = load_ahead(
            lambda ids: self.live_encoder.load_one(modality, ids), chunks[rank() :: n_processes()], self.items.workers
        )
        rows = divide(
            chunks, lambda _: self.transforms[modality](self.live_encoder.encode(modality, next(loaded)[1])).cpu()
        )
        return torch.cat(rows).to(self.options.device)

    def sum_gradients(self) -> None:
        """Add up what the processes' shares gave φ."""
        sum_gradients(self.handle.named_parameters().values())

    def after_step(self) -> None:
        """Called after each step of the optimizer that has φ."""
        self.ended = time.perf_counter()
        self.handle.after_step()

    def sizes(self) -> dict[str, Any]:
        """The number of PEFT parameters, and their share of the encoder's."""
        n, total = self.handle.n_parameters(), sum(p.numel() for p in self.encoder.parameters())
        return {"peft_parameters": n, "peft_share": n / total}

    def epoch_report(self) -> dict[str, float]:
        """Mean gradient norm of each modality's live features, and items a second through forward and backward."""
        norms = {m: torch.stack(g).mean().item() if g else 0.0 for m, g in self.gradient_norms.items()}
        if self.encoded:
            self.epochs.append((self.encoded, self.ended - self.started))
        rate = self.encoded / self.epochs[-1][1] if self.encoded else 0.0
        silent = [m for m, value in norms.items() if value == 0.0 and m not in self.warned]
        if silent and self.encoded:
            log.warning(
                "no gradient reached the encoder from the features %s: the loss of base=%s does not depend on them "
                "(FREEDOM with reg_weight=0 and kt_weight=0 only ranks by a graph frozen from them), or they have left "
                "the range in which it does (MGCN's gates saturate; a smaller tuning_learning_rate keeps them there).",
                ", ".join(silent),
                self.options.base,
            )
            self.warned.update(silent)
        self.gradient_norms = {m: [] for m in self.modalities}
        encoded, self.encoded = self.encoded, 0
        return {
            **{f"gradient_norm_{m}": value for m, value in norms.items()},
            "encodings": encoded,
            "items_per_second": rate,
        }


def watch_steps(tuner: Tuner) -> None:
    """Call `tuner.after_step` after every step of the optimizer that has φ, as long as the tuner lives."""
    first = next(iter(tuner.handle.named_parameters().values()), None)
    alive = weakref.ref(tuner)

    def after_step(optimizer: Optimizer, *_: Any) -> None:
        watched = alive()
        if watched is not None and any(p is first for group in optimizer.param_groups for p in group["params"]):
            watched.after_step()

    weakref.finalize(tuner, register_optimizer_step_post_hook(after_step).remove)
