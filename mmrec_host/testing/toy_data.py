"""Small planted data: users buy items of their own cluster, and the features tell the clusters."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch

from ..config import Config
from ..config_layers import folders, own_layer, read_layer
from ..data.features import MODALITIES, Features
from ..data.loader import TrainLoader

N_USERS, N_ITEMS, N_CLUSTERS = 60, 48, 4


def toy_config(model: str, **changes: Any) -> Config:
    """Configuration of a model, small and on the CPU: its own YAML, or its `defaults`, over the overall one."""
    own = own_layer("model", model, "toy")
    values = {**read_layer(folders()[-1] / "overall.yaml").values, **(own.values if own is not None else {})}
    small = {"device": torch.device("cpu"), "seed": 1, "train_batch_size": 256, "embedding_size": 16, "knn_k": 5}
    return Config({**values, **small, "model": model, "dataset": "toy", **changes})


def toy_features(n_items: int = N_ITEMS, modalities: str = "vt", seed: int = 0) -> Features:
    """Features that are the item's cluster, blurred: images [n_items, 12], texts [n_items, 8]."""
    rng = np.random.default_rng(seed)
    clusters = np.eye(N_CLUSTERS)[np.arange(n_items) % N_CLUSTERS]
    tables: dict[str, torch.Tensor | None] = {}
    for modality, size in zip(MODALITIES, (12, 8)):
        noise = rng.normal(size=(n_items, size))
        table = clusters @ rng.normal(size=(N_CLUSTERS, size)) * 2 + 0.5 * noise
        tables[modality] = torch.tensor(table, dtype=torch.float32) if modality in modalities else None
    return Features(tables["v"], tables["t"])


def toy_pairs(seed: int = 0) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Training pairs (users, items), and which items of the user's cluster are held out, bool [N_USERS, N_ITEMS].

    Item 47 and user 59 are in no training pair; some pairs occur twice.
    """
    rng = np.random.default_rng(seed)
    same = np.arange(N_USERS)[:, None] % N_CLUSTERS == np.arange(N_ITEMS)[None] % N_CLUSTERS
    seen = same & (rng.random(same.shape) < 0.6)
    seen[N_USERS - 1] = False
    seen[:, N_ITEMS - 1] = False
    users, items = np.nonzero(seen)
    again = rng.choice(len(users), 20, replace=False)
    order = rng.permutation(len(users) + len(again))
    return np.append(users, users[again])[order], np.append(items, items[again])[order], same & ~seen


def toy_loader(config: Config, features: Features | None = None) -> TrainLoader:
    """A training loader over `toy_pairs`."""
    users, items, _ = toy_pairs()
    return TrainLoader(config, users, items, N_USERS, N_ITEMS, features if features is not None else toy_features())
