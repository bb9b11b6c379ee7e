"""What models do for each modality: the features they find, and tables and projections of them."""

from __future__ import annotations

from typing import cast

import torch.nn.functional as F
from torch import Tensor, nn

from ..errors import ConfigError
from .base import Recommender


def features(model: Recommender) -> dict[str, Tensor]:
    """Modality -> the model's current features [n_items, d], text ("t") before image ("v").

    Raises:
        ConfigError: it has none.
    """
    present = {m: x for m, x in {"t": model.t_feat, "v": model.v_feat}.items() if x is not None}
    if not present:
        raise ConfigError(
            f"{type(model).__name__} needs item features, and this run has none. The key `features` says where they "
            "come from (files, encoder), `modalities` which of image (v) and text (t) are read; is_multimodal_model "
            "must be true. BPR and LightGCN need no features."
        )
    return present


def feature_rows(model: Recommender, modality: str, items: Tensor | None = None) -> Tensor:
    """The current features [len(items), d] of the given items, or of all."""
    table = features(model)[modality]
    return table if items is None else F.embedding(items, table)


def feature_tables(model: Recommender, trainable: bool) -> nn.ModuleDict:
    """Embeddings [n_items, d] that hold the features: the very tables if frozen, copies if trained."""
    tables = features(model)
    if trainable:
        tables = {m: table.clone() for m, table in tables.items()}
    return nn.ModuleDict({m: nn.Embedding.from_pretrained(x, freeze=not trainable) for m, x in tables.items()})


def projections(model: Recommender, size: int, bias: bool = True) -> nn.ModuleDict:
    """A linear map from each modality's features to `size` dimensions."""
    return nn.ModuleDict({m: nn.Linear(x.shape[1], size, bias=bias) for m, x in features(model).items()})


def weights(modules: nn.ModuleDict) -> dict[str, Tensor]:
    """The weight of each modality's embedding or linear map."""
    return {m: cast(nn.Embedding | nn.Linear, module).weight for m, module in modules.items()}
