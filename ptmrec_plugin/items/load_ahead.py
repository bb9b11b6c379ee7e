"""What towers start from, loaded ahead of the step: pictures decoded, texts tokenised, activations read.

In worker processes, if there are any, while the encoder computes.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, TypeVar

import torch
from torch.utils.data import DataLoader, Dataset

T = TypeVar("T")

MOST_WORKERS = 8


def n_workers(config: Any) -> int:
    """The key `workers`; by itself none on a CPU, whose cores have the encoder to compute."""
    if config["workers"] is not None:
        return int(config["workers"])
    return min(MOST_WORKERS, os.cpu_count() or 1) if torch.device(config["device"]).type == "cuda" else 0


class _Parts(Dataset):
    def __init__(self, load: Callable[[Any], Any], parts: Sequence[Any]) -> None:
        self.load, self.parts = load, parts

    def __len__(self) -> int:
        return len(self.parts)

    def __getitem__(self, index: int) -> Any:
        return self.load(self.parts[index])


def load_ahead(load: Callable[[Any], T], parts: Iterable[Any], workers: int) -> Iterator[tuple[Any, T]]:
    """Each part and what `load` makes of it, in order; with workers, the next ones are being loaded meanwhile."""
    if workers == 0 or not hasattr(os, "fork"):  # what loads holds an encoder, which only a fork can hand over
        for part in parts:
            yield part, load(part)
        return
    parts = list(parts)
    loader = DataLoader(
        _Parts(load, parts),
        batch_size=None,
        num_workers=min(workers, len(parts)),
        prefetch_factor=1,  # what is ready waits in shared memory, of which a container has little
        multiprocessing_context="fork",
        generator=torch.Generator(),  # else its seed would be drawn from the run's own random state
    )
    yield from zip(parts, loader)
