"""What models do for each modality: the features they find, and tables and projections of them."""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor, nn

from ..errors import ConfigError
from .base import Recommender


def features(model: Recommender, modality: str) -> Tensor | None:
    """The model's current features [n_items, d] of modality "v" or "t"."""
    return getattr(model, f"{modality}_feat")


def feature_rows(model: Recommender, modality: str, items: Tensor | None = None) -> Tensor:
    """The current features [len(items), d] of the given items, or of all."""
    table = features(model, modality)
    return table if items is None else F.embedding(items, table)


def modalities(model: Recommender) -> list[str]:
    """The modalities with features, text ("t") before image ("v"); `ConfigError` if there are none."""
    present = [m for m in ("t", "v") if features(model, m) is not None]
    if not present:
        raise ConfigError(
            f"{type(model).__name__} needs item features, and this run has none. The key `features` says where they "
            "come from (files, encoder), `modalities` which of image (v) and text (t) are read; is_multimodal_model "
            "must be true. BPR and LightGCN need no features."
        )
    return present


def feature_tables(model: Recommender, trainable: bool) -> nn.ModuleDict:
    """Embeddings [n_items, d] that hold the features: the very tables if frozen, copies if trained."""
    tables = {m: features(model, m) for m in modalities(model)}
    if trainable:
        tables = {m: table.clone() for m, table in tables.items()}
    return nn.ModuleDict({m: nn.Embedding.from_pretrained(x, freeze=not trainable) for m, x in tables.items()})


def projections(model: Recommender, size: int, bias: bool = True) -> nn.ModuleDict:
    """A linear map from each modality's features to `size` dimensions."""
    return nn.ModuleDict({m: nn.Linear(features(model, m).shape[1], size, bias=bias) for m in modalities(model)})
