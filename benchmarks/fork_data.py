"""`mini` as MMRec's forks want it, in a folder of its own.

Beside the dataset's own files there is what some models read and their authors make from the training rows or with an
encoder: `user_graph_dict.npy` (users who took the same items, MMRec's DualGNN), and fused features (AnchorRec), which
are image and text features side by side here.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import scipy.sparse as sp

from mmrec_host.config import Config, load_config
from mmrec_host.data.dataset import Dataset, load_dataset
from mmrec_host.device import resolve_device

MOST = 200  # neighbours of a user
CUTOFF = 10


def keys(folder: Path) -> dict[str, Any]:
    """Where `mini` lies and how it is split."""
    places = {"data_path": str(folder / "data"), "cache_path": str(folder / "cache")}
    return places | {"new_items": 0, "selection": "warm", "topk": [CUTOFF], "valid_metric": f"Recall@{CUTOFF}"}


def user_graph(matrix: sp.csr_matrix) -> dict[int, list[list[Any]]]:
    """User -> ids and counts of those who took the same items, most first."""
    shared = (matrix.sign() @ matrix.sign().T).tolil()
    shared.setdiag(0)
    graph = {}
    for user, row in enumerate(shared.tocsr()):
        order = np.argsort(-row.data, kind="stable")[:MOST]
        order = order[row.data[order] > 0]
        graph[user] = [row.indices[order].tolist(), row.data[order].tolist()]
    return graph


def chance(dataset: Dataset) -> dict[str, float]:
    """Recall of a random ranking of the test users at `CUTOFF`: expectation, and its standard error over the users.

    A user's recall is the mean of n_positives indicators, each of which is 1 with probability cutoff / n_candidates.
    """
    test, n_items = dataset.splits.test, dataset.interactions.n_items
    candidates = n_items - np.array([len(set(test.mask.row(int(user)))) for user in range(len(test.users))])
    p = np.minimum(CUTOFF / candidates, 1)
    error = np.sqrt((p * (1 - p) / test.positives.lengths).sum()) / len(p)
    return {"recall": float(p.mean()), "error": float(error)}


def make(folder: Path) -> dict[str, Any]:
    """Make what is missing; `keys` that lead there, the folder of `fused` features, and what `chance` gives."""
    config: Config = load_config("VBPR", "mini", overrides=keys(folder))
    config["device"] = resolve_device(config)
    dataset = load_dataset(config)
    features = dataset.features(config)
    fused = folder / "fused"
    fused.mkdir(exist_ok=True)
    np.save(fused / config["vision_feature_file"], np.concatenate([x.numpy() for x in features.tables().values()], 1))
    graph = user_graph(dataset.train_loader(config, features).inter_matrix("csr"))
    np.save(dataset.folder / "user_graph_dict.npy", np.array(graph, dtype=object), allow_pickle=True)
    return {"keys": keys(folder), "fused": f"{fused}/", "chance": chance(dataset)}
