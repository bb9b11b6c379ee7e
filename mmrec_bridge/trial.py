"""Which models of a checkout run here: found by making each on small data, and kept until something changes."""

from __future__ import annotations

import contextlib
import hashlib
import io
import json
import logging
import tempfile
import warnings
from importlib import metadata
from pathlib import Path
from typing import Any

import numpy as np
import torch

from mmrec_host.config import load_config
from mmrec_host.config_layers import folders, read_layer
from mmrec_host.data.loader import TrainLoader
from mmrec_host.errors import DataError, UserError
from mmrec_host.files import write_whole
from mmrec_host.random_states import forked_random_states, random_states
from mmrec_host.testing.toy_data import toy_features

RUNS = "runs"
N_USERS, N_ITEMS = 96, 80  # more than the 64 dimensions of most models
LIBRARIES = ("torch", "numpy", "scipy", "pandas", "torch_geometric")


def tried(model: Any) -> str:
    """`RUNS`, or in words what the model lacks; from the last trial, if nothing has changed since.

    What is kept is kept for the contents of the checkout's Python and YAML files, of this package's, and for the
    versions of `LIBRARIES`.
    """
    if lacks := model.file.lacks():  # installing a package changes this
        return f"cannot run here, it lacks {lacks}"
    place = _kept(model.file.source)
    try:
        known: dict[str, str] = json.loads(place.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        known = {}
    name = f"{model.file.path.name} {model.file.name}"
    if name not in known:
        known[name] = trial(model)
        place.parent.mkdir(parents=True, exist_ok=True)
        write_whole(place, json.dumps(known, indent=1).encode())
    return known[name]


def trial(model: Any) -> str:
    """Make the model on the toy data, take the loss of one batch, rank; what it prints is not shown."""
    loudness = logging.root.manager.disable
    logging.disable(logging.WARNING)
    try:
        with (
            tempfile.TemporaryDirectory() as folder,
            forked_random_states(random_states()),
            warnings.catch_warnings(),
            contextlib.redirect_stdout(io.StringIO()),
            contextlib.redirect_stderr(io.StringIO()),
        ):
            warnings.simplefilter("ignore")
            _try(model, Path(folder))
    except DataError as error:
        cause = error.__cause__
        return (
            f"needs {Path(cause.filename).name} beside the data" if isinstance(cause, FileNotFoundError) else str(error)
        )
    except UserError as error:
        return "cannot run here: " + str(error).rpartition(" cannot run here: ")[2]
    finally:
        logging.disable(loudness)
    return RUNS


def _try(model: Any, folder: Path) -> None:
    rng = np.random.default_rng(0)
    users = np.repeat(np.arange(N_USERS), 6)
    items = np.concatenate([rng.choice(N_ITEMS, 6, replace=False) for _ in range(N_USERS)])
    rows = [f"{u}\t{i}\t{1_000_000_000 + 3600 * n}\t0" for n, (u, i) in enumerate(zip(users, items))]
    (folder / "data/toy").mkdir(parents=True)
    header = "userID\titemID\ttimestamp\tx_label"
    (folder / "data/toy/toy.inter").write_text("\n".join([header, *rows]) + "\n", encoding="utf-8")
    changes = {"data_path": str(folder / "data"), "cache_path": str(folder / "cache"), "new_items": 0, "device": "cpu"}
    config = load_config(f"mmrec:{model.file.name}", "toy", overrides=changes)
    config["device"] = torch.device("cpu")
    made: Any = model(config, TrainLoader(config, users, items, N_USERS, N_ITEMS, toy_features(N_ITEMS)))
    phase = made.phases(None)[0]
    made.pre_epoch_processing()
    if phase.epochs:
        made.train()
        loss = phase.loss(next(iter(phase.batches(1))))
        sum(part.sum() for part in (loss if isinstance(loss, tuple) else (loss,))).backward()
        made.post_epoch_processing()
    made.eval()
    with torch.no_grad():
        made.full_sort_predict([torch.arange(N_USERS), torch.zeros(2, 0, dtype=torch.int64)])


def _kept(source: Path) -> Path:
    """The file of what is known of a checkout as it is, of this package as it is."""
    digest = hashlib.sha256()
    for folder in (source, Path(__file__).parent):
        for path in sorted([*folder.rglob("*.py"), *folder.rglob("*.yaml")]):
            digest.update(str(path.relative_to(folder)).encode() + b"\0" + path.read_bytes())
    for library in LIBRARIES:
        with contextlib.suppress(metadata.PackageNotFoundError):
            digest.update(f"{library} {metadata.version(library)}".encode())
    overall = [file for folder in reversed(folders()) if (file := folder / "overall.yaml").is_file()]
    cache = {key: value for file in overall for key, value in read_layer(file).values.items()}["cache_path"]
    return Path(str(cache)) / "mmrec_models" / f"{digest.hexdigest()[:16]}.json"
