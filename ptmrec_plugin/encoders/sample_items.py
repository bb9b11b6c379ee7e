"""A few made-up items on which encoders and variants are tried."""

from __future__ import annotations

import torch
from torch import Tensor

TEXTS = ("a red shoe for running", "tea", "a blue tent", "a lamp with a green shade and a long cord")


def noise(size: tuple[int, int], n: int = len(TEXTS)) -> Tensor:
    """Pixels [n, 3, h, w] of noise, the same each time."""
    return torch.randn(n, 3, *size, generator=torch.Generator().manual_seed(1))


def relative_error(one: dict[str, Tensor], other: dict[str, Tensor]) -> float:
    """The largest relative distance between the features of one modality."""
    return max(float((one[m] - other[m]).norm() / other[m].norm()) for m in one)
