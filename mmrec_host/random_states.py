"""The global random states of Python, numpy and torch: seeded, kept and brought back."""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch


def init_seed(seed: int) -> None:
    """Seed the global random states, which initial weights, dropout and MMRec's models draw from."""
    random.seed(seed)
    np.random.seed(seed % 2**32)
    torch.manual_seed(seed)


def random_states() -> dict[str, Any]:
    """The states of the global generators of Python, numpy and torch."""
    version, words, gauss = random.getstate()
    numpy = np.random.get_state(legacy=False)
    keys = torch.from_numpy(numpy["state"]["key"].astype(np.int64))
    states: dict[str, Any] = {
        "python": [version, list(words), gauss],
        "numpy": [numpy["bit_generator"], keys, numpy["state"]["pos"], numpy["has_gauss"], numpy["gauss"]],
        "torch": torch.get_rng_state(),
    }
    if torch.cuda.is_initialized():
        states["cuda"] = torch.cuda.get_rng_state()  # of the run's own device
    return states


@contextmanager
def forked_random_states(states: Mapping[str, Any]) -> Iterator[None]:
    """The global generators are in `states` inside, and afterwards as they were before."""
    before = random_states()
    set_random_states(states)
    try:
        yield
    finally:
        set_random_states(before)


def set_random_states(states: Mapping[str, Any]) -> None:
    """Put the global generators into the states that `random_states` gave."""
    version, words, gauss = states["python"]
    random.setstate((version, tuple(words), gauss))
    name, keys, *rest = states["numpy"]
    np.random.set_state((name, keys.numpy().astype(np.uint32), *rest))
    torch.set_rng_state(states["torch"])
    if "cuda" in states and torch.cuda.is_available():
        torch.cuda.set_rng_state(states["cuda"])
