"""Models of MMRec files on the toy data, for the tests of the bridge."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from mmrec_bridge.model import MMRecModel
from mmrec_host.data.features import Features
from mmrec_host.models.base import MODELS
from mmrec_host.testing.toy_data import N_USERS, toy_config, toy_loader
from mmrec_host.training.phases import Phase


def bridged(name: str, folder: Path, features: Features | None = None, **changes: Any) -> MMRecModel:
    """The registered model `name`, its caches in `folder`, from the random state 0."""
    paths = {"data_path": str(folder / "data"), "cache_path": str(folder / "cache")}
    config = toy_config(name, **{**paths, "feat_embed_dim": 16, **changes})
    loader = toy_loader(config, features)
    torch.manual_seed(0)
    return MODELS.get(name)(config, loader)


def steps(model: MMRecModel, epochs: int = 1, learning_rate: float = 0.01) -> list[float]:
    """Train as the trainer does; the loss of each step."""
    phase: Phase = model.phases(None)[0]
    optimizer = torch.optim.Adam(model.parameters(), lr=learning_rate)
    losses = []
    for epoch in range(1, min(epochs, phase.epochs) + 1):  # none for a model that needs no training
        torch.manual_seed(epoch)  # dropout and pruning
        model.pre_epoch_processing()
        model.train()
        for batch in phase.batches(epoch):
            optimizer.zero_grad()
            parts = phase.loss(batch)
            loss = sum(p.sum() for p in parts) if isinstance(parts, tuple) else parts.sum()
            loss.backward()
            optimizer.step()
            losses.append(loss.item())
        model.post_epoch_processing()
    return losses


@torch.no_grad()
def scores(model: MMRecModel) -> Tensor:
    """Scores [N_USERS, n_items] in evaluation mode."""
    return model.eval().full_sort_predict([torch.arange(N_USERS), torch.zeros(2, 0, dtype=torch.int64)])
