"""The towers of an open_clip model: cut into blocks where that gives the library's own features, else whole."""

from __future__ import annotations

from typing import Any

import torch
from open_clip.hf_model import HFTextEncoder
from open_clip.timm_model import TimmModel
from torch import Tensor, nn

from mmrec_host.errors import ConfigError

from .sample_items import relative_error
from .towers import BertTower, ClipTextTower, TimmConvTower, Tower, ViTTower
from .whole_tower import WholeTower, library_features

PARITY = 1e-4  # relative error of the same numbers, computed in another order
FAULTS = (AttributeError, IndexError, RuntimeError, TypeError, ValueError)  # of a network that is not as expected


def reference_features(model: nn.Module, modality: str, inputs: Tensor) -> Tensor:
    """The library's features [n, d] of pixels or of token ids at their full length.

    Raises:
        ConfigError: open_clip cannot compute them.
    """
    try:
        return library_features(model, modality, inputs)
    except (AssertionError, *FAULTS) as error:
        raise ConfigError(
            f"open_clip itself fails to encode {'images' if modality == 'v' else 'texts'} with this encoder "
            f"({type(error).__name__}: {error}). Choose another encoder_model, or other options in its configuration."
        ) from error


def choose_tower(model: nn.Module, modality: str, inputs: Tensor, reference: Tensor) -> Tower:
    """The tower of a modality; whole, with the reason, where it cannot be cut.

    Args:
        inputs: pixels, or token ids at their full length.
        reference: the library's features of them [n, d].
    """
    make = _image_tower if modality == "v" else _text_tower
    try:
        tower = make(model, reference.shape[1])
        with torch.no_grad():
            features = tower.head(tower.run(tower.stem(inputs), 0, tower.n_blocks))
        error = relative_error({modality: features}, {modality: reference})
    except ConfigError as refusal:
        return _whole(model, modality, reference, str(refusal))
    except FAULTS as fault:
        return _whole(model, modality, reference, f"computed block by block it fails ({fault})")
    if not error < PARITY:
        said = f"computed block by block its features are {error:.2g} (relative) away from open_clip's own"
        return _whole(model, modality, reference, said)
    return tower


def require_parity(name: str, modality: str, features: Tensor, reference: Tensor) -> None:
    """`ConfigError` if an encoder's features of two items are not open_clip's own."""
    error = relative_error({modality: features}, {modality: reference})
    if not error < PARITY:
        library = "encode_image" if modality == "v" else "encode_text"
        raise ConfigError(
            f"encoder {name}: its features are {error:.2g} (relative) away from what open_clip's own {library} gives, "
            "so results would not be this encoder's. Choose another encoder_model; this one is not supported."
        )


def _whole(model: nn.Module, modality: str, reference: Tensor, reason: str) -> WholeTower:
    return WholeTower(model, modality, reference.shape[1], reason)


def _image_tower(model: Any, dim: int) -> Tower:
    visual = model.visual
    if isinstance(visual, TimmModel):
        return TimmConvTower(visual, dim)
    if not hasattr(visual, "_embeds"):
        raise ConfigError(f"{type(visual).__name__} is neither a vision transformer of open_clip nor an EfficientNet")
    return ViTTower(visual, dim)


def _text_tower(model: Any, dim: int) -> Tower:
    text = getattr(model, "text", None)
    if isinstance(text, HFTextEncoder):
        return BertTower(text, dim)
    return ClipTextTower(model, "", dim) if text is None else ClipTextTower(text, "text.", dim)
