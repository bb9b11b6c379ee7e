"""Whether a training step's activations fit into memory, known before the first step."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import psutil
import torch
from torch import Tensor
from torch.autograd.graph import saved_tensors_hooks

from mmrec_host.errors import ConfigError

if TYPE_CHECKING:
    from .live_encoder import LiveEncoder

SAMPLE = 2  # items
GRADIENTS = 1.5  # the backward pass holds gradients beside what the forward pass has kept
SHARE = 0.9  # of the free memory that the encoder may use
CGROUP = Path("/sys/fs/cgroup")


def available_bytes(device: torch.device) -> int:
    """Free memory of the GPU, or of this machine or container."""
    if device.type == "cuda":
        return torch.cuda.mem_get_info(device)[0]
    free = psutil.virtual_memory().available
    try:
        limit, used = (int((CGROUP / name).read_text()) for name in ("memory.max", "memory.current"))
    except (OSError, ValueError):  # no container, or one without a limit
        return free
    return min(free, limit - used)


def kept_bytes(compute: Callable[[], Tensor], weights: Iterable[Tensor]) -> int:
    """What `compute()` keeps for its backward pass, beside the weights."""
    kept: dict[int, int] = {}
    known = {weight.untyped_storage().data_ptr() for weight in weights}

    def keep(tensor: Tensor) -> Tensor:
        storage = tensor.untyped_storage()
        if storage.data_ptr() not in known:
            kept[storage.data_ptr()] = storage.nbytes()
        return tensor

    with torch.enable_grad(), saved_tensors_hooks(keep, lambda tensor: tensor):
        graph = compute()  # lives while storages are counted, lest one is used twice
    total = sum(kept.values())
    del graph
    return total


def bytes_an_item(live: LiveEncoder, modality: str) -> int:
    """What an item's way through the tuned blocks keeps; of texts, that of the longest."""
    tower, ids = live.encoder.towers[modality], np.arange(live.items.n_items)
    if modality == "t" and live.tokens is not None:
        ids = live.encoder.lengths(live.tokens).argsort(descending=True).numpy()
    loaded = live.load_one(modality, ids[:SAMPLE])
    recompute, tower.recompute = tower.recompute, False  # whose own hooks would hide what is kept
    try:
        kept = kept_bytes(lambda: live.compute(modality, loaded), live.encoder.parameters()) / len(loaded.hidden)
    finally:
        tower.recompute = recompute
    if recompute and (n_blocks := tower.n_blocks - max(live.handle.cuts[modality], 0)) > 1:
        kept *= 2 / n_blocks  # one block's at a time, and about as much that passes between the others
    return int(kept)


def require_memory(live: LiveEncoder, n_items: int) -> None:
    """Check that a step with `n_items` items can be made.

    Raises:
        ConfigError: it cannot; names the largest chunk that would fit.
    """
    at_once = min(live.chunk or n_items, n_items)
    needs = [bytes_an_item(live, m) for m in live.handle.cuts]
    each = max(needs, default=0)
    together = sum(needs) if at_once == n_items else each
    free = SHARE * available_bytes(live.device)
    if at_once * together * GRADIENTS <= free:
        return
    fits = int(free // (each * GRADIENTS))
    advice = f"encode_chunk={fits} would fit" if fits else "not even encode_chunk=1 would fit"
    raise ConfigError(
        f"too little memory to tune with: {at_once} items at once need about {at_once * together * GRADIENTS / 1e9:.1f}"
        f" GB, {free / 1e9:.1f} GB are free on {live.device}. {advice} (the same gradients, one more forward pass); "
        "gradient_checkpointing=true, fewer tuned blocks or a smaller pool_size need less too."
    )
