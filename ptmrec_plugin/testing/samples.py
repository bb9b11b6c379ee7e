"""Four items to try an encoder on, and how features are compared."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from mmrec_host.config import Config, load_config
from mmrec_host.models.base import MODELS

from ..encoders.dual import DualEncoder
from ..encoders.towers import States
from ..items.item_encoder import stack_states

TEXTS = ["a red shoe for running", "tea", "a blue tent", "a lamp with a green shade and a long cord"]
HALF_PRECISION = 5e-3  # relative error that activations in float16 may bring


def sample_config(encoder: str, **keys: Any) -> Config:
    """PTMRec's configuration with an encoder, on the CPU; `keys` are further ones."""
    MODELS.get("PTMRec")  # announces the option groups
    overrides = {"encoder": encoder, **keys}
    return load_config("PTMRec", "conformance", overrides=overrides).replaced(device=torch.device("cpu"))


def sample_inputs(encoder: DualEncoder) -> dict[str, Tensor]:
    """Pixels of noise and token ids of texts of different lengths, four items."""
    pixels = torch.randn(len(TEXTS), 3, *encoder.image_size, generator=torch.Generator().manual_seed(1))
    return {"v": pixels, "t": encoder.tokens(TEXTS)}


@torch.no_grad()
def features(encoder: DualEncoder) -> dict[str, Tensor]:
    """Features of the sample in evaluation, by modality."""
    return {m: encoder.encode(m, x) for m, x in sample_inputs(encoder).items()}


@torch.no_grad()
def features_alone(encoder: DualEncoder) -> dict[str, Tensor]:
    """Features of the sample, each item encoded without the others."""
    inputs = sample_inputs(encoder)
    return {
        "v": torch.cat([encoder.encode("v", row[None]) for row in inputs["v"]]),
        "t": torch.cat([encoder.encode("t", encoder.tokens([text])) for text in TEXTS]),
    }


def same(one: dict[str, Tensor], other: dict[str, Tensor]) -> bool:
    """Whether features are equal, bit for bit."""
    return all(torch.equal(one[m], other[m]) for m in one)


def relative_error(one: dict[str, Tensor], other: dict[str, Tensor]) -> float:
    """The largest relative distance between the features of one modality."""
    return max(float((one[m] - other[m]).norm() / other[m].norm()) for m in one)


def as_cached(encoder: DualEncoder, states: States) -> States:
    """States as the cache gives them back: in half precision, and of texts only the tokens that are there."""
    rows = list(states.hidden.half().numpy())
    if states.tokens is not None:
        rows = [row[:n] for row, n in zip(rows, encoder.lengths(states.tokens).tolist())]
    return stack_states(rows, states.tokens).to(torch.device("cpu"))
