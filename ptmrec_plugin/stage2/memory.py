"""Whether a training step's activations fit into memory, known before the first step."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import partial
from weakref import WeakSet

import numpy as np
import torch
from torch import Tensor
from torch.autograd.graph import saved_tensors_hooks

from mmrec_host.environment import available_memory
from mmrec_host.errors import ConfigError
from mmrec_host.ranks import n_sharing_memory

from .live_encoder import LiveEncoder

SAMPLES = 2, 4  # items; what both keep does not grow with them
GRADIENTS = 1.5  # the backward pass holds gradients beside what the forward pass has kept
SHARE = 0.9  # of the free memory that the encoder may use


def available_bytes(device: torch.device) -> int:
    """Free memory of the GPU; of this machine or container, the share of one of the processes on it."""
    if device.type == "cuda":
        unused = torch.cuda.memory_reserved(device) - torch.cuda.memory_allocated(device)
        return torch.cuda.mem_get_info(device)[0] + unused
    return available_memory() // n_sharing_memory()


class _Saved:
    """A tensor that a graph keeps, as long as it does."""

    def __init__(self, tensor: Tensor) -> None:
        self.tensor = tensor


def kept_bytes(compute: Callable[[], Tensor], weights: Iterable[Tensor]) -> int:
    """What `compute()` keeps for its backward pass, beside the weights."""
    saved: WeakSet[_Saved] = WeakSet()  # without those of parts of the graph that `compute` has dropped again
    known = {weight.untyped_storage().data_ptr() for weight in weights}

    def save(tensor: Tensor) -> _Saved:
        saved.add(box := _Saved(tensor))
        return box

    with torch.enable_grad(), saved_tensors_hooks(save, lambda box: box.tensor):
        graph = compute()  # keeps the boxes
    storages = (box.tensor.untyped_storage() for box in saved)
    kept = {storage.data_ptr(): storage.nbytes() for storage in storages}
    del graph
    return sum(nbytes for pointer, nbytes in kept.items() if pointer not in known)


@dataclass(frozen=True)
class Need:
    """Bytes that a way through the tuned blocks keeps: for each item, and however many there are."""

    each: float
    fixed: float

    def of(self, n_items: int) -> float:
        """With the gradients of the backward pass."""
        return GRADIENTS * (self.fixed + n_items * self.each)


def need(live: LiveEncoder, modality: str) -> Need:
    """Of one modality; of texts, of the longest."""
    tower, ids = live.encoder.towers[modality], np.arange(live.items.n_items)
    if modality == "t" and live.tokens is not None:
        ids = live.encoder.lengths(live.tokens).argsort(descending=True).numpy()
    recompute, tower.recompute = tower.recompute, False  # whose own hooks would hide what is kept
    try:
        samples = (live.load_one(modality, ids[:n]).to(live.device) for n in SAMPLES)
        few, more = (
            kept_bytes(partial(live.compute, modality, states), live.encoder.parameters()) for states in samples
        )
    finally:
        tower.recompute = recompute
    each = max(more - few, 0) / (SAMPLES[1] - SAMPLES[0])
    fixed = max(few - SAMPLES[0] * each, 0)
    if recompute and (n_blocks := tower.n_blocks - max(live.handle.cuts[modality], 0)) > 1:
        each *= 2 / n_blocks  # one block's at a time, and about as much that passes between the others
    return Need(each, fixed)


def _needs(live: LiveEncoder) -> list[Need]:
    """Of each tuned modality; none of a catalogue that is too small to tell."""
    return [need(live, m) for m in live.handle.cuts] if live.items.n_items >= SAMPLES[1] else []


def _wanted(needs: list[Need], live: LiveEncoder, n_items: int) -> float:
    at_once = min(live.chunk or n_items, n_items)
    each = [one.of(at_once) for one in needs]
    # Chunks are computed again one after the other, those of both modalities too.
    return sum(each) if at_once == n_items else max(each, default=0.0)


def step_needs(live: LiveEncoder, n_items: int) -> float:
    """Bytes that a step with `n_items` items keeps."""
    return _wanted(_needs(live), live, n_items)


def require_memory(live: LiveEncoder, n_items: int) -> None:
    """Check that a step with `n_items` items can be made.

    Raises:
        ConfigError: it cannot; names the largest chunk that would fit.
    """
    needs = _needs(live)
    if not needs:
        return
    at_once = min(live.chunk or n_items, n_items)
    largest = max(needs, key=lambda each: each.of(at_once))
    wanted = _wanted(needs, live, n_items)
    free = SHARE * available_bytes(live.device)
    if wanted <= free:
        return
    fits = min(int((free / GRADIENTS - largest.fixed) // max(largest.each, 1)), n_items - 1)
    advice = f"encode_chunk={fits} would fit" if fits > 0 else "not even encode_chunk=1 would fit"
    raise ConfigError(
        f"too little memory to tune with: {at_once} items at once need about {wanted / 1e9:.1f} GB, "
        f"{free / 1e9:.1f} GB are free on {live.device}. {advice} (the same gradients, one more forward pass); "
        "gradient_checkpointing=true, fewer tuned blocks or a smaller pool_size need less too."
    )
