"""A small working folder in which every kind of file lies that a command reads: data, features, runs, a cache, YAML."""

from __future__ import annotations

import hashlib
import os
import shutil
from pathlib import Path

import numpy as np
import pytest
import yaml
from interrupted_runs import Interrupted, interrupt_after
from raw_dataset import N_ITEMS, N_USERS, write_dataset

from feature_cache import store as store_module
from mmrec_host.cli.main import main
from mmrec_host.quick_start import quick_start

KEYS = {
    "encoder": "tiny",
    "epochs": 2,
    "embedding_size": 8,
    "train_batch_size": 128,
    "topk": [5],
    "valid_metric": "Recall@5",
    "device": "cpu",
    "progress": False,
    "learning_rate": 0.01,
}
TUNED = {"mode": "joint", "joint_epochs": 1, "pool_size": 16, "tuning_learning_rate": 0.01, "joint_learning_rate": 0.01}
STUDY = {
    "about": "What is tried.",
    "datasets": ["toy"],
    "seeds": 1,
    "keys": dict(KEYS),
    "metrics": ["recall@5"],
    "rows": {"BPR": {"model": "BPR"}, "VBPR": {"model": "VBPR", "against": ["BPR"]}},
}
WORDS = [f"{key}={str(value).lower() if isinstance(value, bool) else value}" for key, value in KEYS.items()]


def make_world(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Fill `folder`, in which commands are then run with the default places."""
    monkeypatch.chdir(folder)
    home = write_dataset(folder / "data")
    numbers = np.random.default_rng(0)
    for name in ("image_feat.npy", "text_feat.npy"):
        np.save(home / name, numbers.normal(size=(N_ITEMS, 6)).astype(np.float32))
    users, items = [f"U{u}\t{u}" for u in range(N_USERS)], [f"I{i}\t{i}" for i in range(N_ITEMS)]
    (home / "u_id_mapping.csv").write_text("\n".join(["user_id\tuserID", *users]) + "\n")
    (home / "i_id_mapping.csv").write_text("\n".join(["asin\titemID", *items]) + "\n")
    (home / "dataset.yaml").write_text("modalities: [v, t]\nfeature_norm: standard\nduplicates: keep\n")
    own = folder / "mmrec_configs" / "dataset"
    own.mkdir(parents=True)
    (own / "toy.yaml").write_text("eval_batch_size: 4096\nsearch: {learning_rate: [0.01, 0.02]}\n")
    (folder / "given.yaml").write_text(yaml.safe_dump({"eval_step": 1, "stopping_step": 5}))
    (folder / "study.yaml").write_text(yaml.safe_dump(STUDY))
    orders = [f"u{u},i{(u * 7 + n * 3) % 30},{1000 + n}" for u in range(20) for n in range(8)]
    (folder / "orders.csv").write_text("\n".join(["user,item,timestamp", *orders]) + "\n")
    (folder / "products.csv").write_text("\n".join(["item,title", *(f"i{i},thing {i}" for i in range(30))]) + "\n")
    assert (
        main(["prepare", "-q", "shop", "--interactions", "orders.csv", "--items", "products.csv", "--k-core", "1"]) == 0
    )
    small = {"mini_users": 60, "mini_items": 40, "new_items": 0.0, "selection": "warm", "progress": False}
    quick_start("Pop", "mini", small)
    for model, changes in (("VBPR", {}), ("PTMRec", TUNED)):
        quick_start(model, "toy", {**KEYS, **changes})
    with monkeypatch.context() as patch, pytest.raises(Interrupted):
        interrupt_after(patch, 2)
        quick_start("BPR", "toy", {**KEYS, "epochs": 4, "checkpoint_interval": 0})
    close_caches()


def close_caches() -> None:
    """Close the environments that this process has open."""
    for environment, _ in store_module._environments.values():
        environment.close()
    store_module._environments.clear()


def copy_world(world: Path, folder: Path) -> None:
    """A copy to spoil; files as links where they are large and never written in place."""
    shutil.copytree(world, folder, dirs_exist_ok=True)


def digests(folder: Path, leave: tuple[str, ...] = ()) -> dict[str, str]:
    """Digest of each file, by its path; but for those under `leave`, and locks."""
    found = {}
    for place, _, names in os.walk(folder):
        for name in names:
            file = Path(place) / name
            path = file.relative_to(folder).as_posix()
            if not path.startswith(leave) and name not in (".lock", "lock.mdb") and file.is_file():
                found[path] = hashlib.sha256(file.read_bytes()).hexdigest()
    return found
