"""Features of the made-up items, all at once and one by one."""

from __future__ import annotations

import torch
from torch import Tensor

from .dual import DualEncoder
from .sample_items import TEXTS, noise


def sample_inputs(encoder: DualEncoder, n: int = len(TEXTS)) -> dict[str, Tensor]:
    """Pixels of noise and token ids of texts of different lengths, `n` items, on the encoder's device."""
    device = next(encoder.model.parameters()).device
    return {"v": noise(encoder.image_size, n).to(device), "t": encoder.tokens(TEXTS[:n]).to(device)}


@torch.no_grad()
def features(encoder: DualEncoder, n: int = len(TEXTS)) -> dict[str, Tensor]:
    """Features [n, d] of the sample in evaluation, by modality."""
    return {m: encoder.encode(m, x) for m, x in sample_inputs(encoder, n).items()}


@torch.no_grad()
def features_alone(encoder: DualEncoder, n: int = len(TEXTS)) -> dict[str, Tensor]:
    """The same, each item encoded without the others."""
    inputs = sample_inputs(encoder, n)
    texts = [encoder.tokens([text]).to(inputs["t"].device) for text in TEXTS[:n]]
    return {
        "v": torch.cat([encoder.encode("v", row[None]) for row in inputs["v"]]),
        "t": torch.cat([encoder.encode("t", ids) for ids in texts]),
    }
