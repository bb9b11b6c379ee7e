"""What the suites compare: configurations to try, equal features, activations as the cache has them."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from mmrec_host.config import Config, load_config
from mmrec_host.models.base import MODELS

from ..encoders.dual import DualEncoder
from ..encoders.towers import States
from ..items.item_encoder import stack_states

HALF_PRECISION = 5e-3  # relative error that activations in float16 may bring


def sample_config(encoder: str, **keys: Any) -> Config:
    """PTMRec's configuration with an encoder, on the CPU; `keys` are further ones."""
    MODELS.get("PTMRec")  # announces the option groups
    overrides = {"encoder": encoder, **keys}
    return load_config("PTMRec", "conformance", overrides=overrides).replaced(device=torch.device("cpu"))


def same(one: dict[str, Tensor], other: dict[str, Tensor]) -> bool:
    """Whether features are equal, bit for bit."""
    return all(torch.equal(one[m], other[m]) for m in one)


def as_cached(encoder: DualEncoder, states: States) -> States:
    """States as the cache gives them back: in half precision, and of texts only the tokens that are there."""
    rows = list(states.hidden.half().numpy())
    if states.tokens is not None:
        rows = [row[:n] for row, n in zip(rows, encoder.lengths(states.tokens).tolist())]
    return stack_states(rows, states.tokens).to(torch.device("cpu"))
