"""An item that the catalogue does not have, by its text or its image: what is like it, and who might take it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol, runtime_checkable

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from feature_cache.raw_folder import BrokenImageError, read_image
from mmrec_host.data.features import FEATURES, MODALITIES, Features
from mmrec_host.data.loader import TrainLoader
from mmrec_host.errors import ConfigError
from mmrec_host.evaluation.evaluator import without_ids
from mmrec_host.models.base import Recommender
from mmrec_host.models.contract import scorer
from mmrec_host.runs.finished_run import FinishedRun

from .recommendation import Scored, best

STAND_IN = 10  # nearest items whose mean stands in for a modality that is not given


@runtime_checkable
class EncodesNew(Protocol):
    """A feature source that can make features of an item which the dataset does not have.

    Without it: a new item cannot be placed.
    """

    def encode_new(self, run: FinishedRun, raw: Mapping[str, str | bytes]) -> dict[str, Tensor]:
        """Features [d_m], as the run's model reads them, of a text ("t") and of a picture's bytes ("v")."""


@dataclass(frozen=True)
class NewItem:
    """Where a new item belongs.

    Attributes:
        items: the catalogue's items whose features are nearest, by the mean cosine over the modalities given.
        users: those with the highest scores for it.
    """

    items: Scored
    users: Scored


def place(run: FinishedRun, text: str | None, image: Path | bytes | None, k: int) -> NewItem:
    """Encode a new item as the run's catalogue was encoded, and find the k nearest items and the k likeliest users.

    Where the model reads a modality that is not given, the mean of the nearest items' features stands in.

    Raises:
        ConfigError: the model reads no such features, or they come from no encoder; an image that is none.
    """
    tables = run.item_features()
    given = _encode(run, text, image, list(tables))
    nearness = torch.stack([F.cosine_similarity(tables[m], z[None], dim=1) for m, z in given.items()]).mean(0)
    near = [item for item, _ in best(nearness, STAND_IN)]
    whole = {m: given[m] if m in given else table[near].mean(0) for m, table in tables.items()}
    return NewItem(best(nearness, k), best(_scores(run, tables, whole), k))


def _encode(run: FinishedRun, text: str | None, image: Path | bytes | None, modalities: list[str]) -> dict[str, Tensor]:
    """Features [d_m] of what is given, as the run's model would read them."""
    config = run.config
    if not modalities:
        raise ConfigError(
            f"{config['model']} reads no item features, so it knows nothing of a new item's text or image."
        )
    source = FEATURES.get(config["features"])
    if not isinstance(source, EncodesNew):
        raise ConfigError(
            f"this run's features come from files (features={config['features']}), so no encoder is known that could "
            "read a new item. Train with features=encoder."
        )
    given = [m for m, content in (("v", image), ("t", text)) if content]
    unread = [MODALITIES[m] for m in given if m not in modalities]
    if unread:
        raise ConfigError(f"this run reads no {' and no '.join(unread)} (modalities={config['modalities']}).")
    raw: dict[str, str | bytes] = {}
    if image:
        raw["v"] = image if isinstance(image, bytes) else _image(image)
    if text:
        raw["t"] = text
    return source.encode_new(run, raw)


def _image(path: Path) -> bytes:
    try:
        return read_image(path.resolve())
    except BrokenImageError as error:
        raise ConfigError(f"--image {path}: {error}.") from error


@torch.no_grad()
def _scores(run: FinishedRun, tables: dict[str, Tensor], features: dict[str, Tensor]) -> Tensor:
    """Scores [n_users] of one more item: nobody took it, its free vectors are zero, and it has these features.

    The model is built once more, on a catalogue with one more item, so that item graphs, of the current features, have
    it too.
    """
    model = scorer(run.model)
    if not isinstance(model, Recommender):
        raise ConfigError(
            f"{run.config['base'] or run.config['model']} is a model of MMRec's, whose vectors of a new item are "
            "unknown. VBPR, Content, LATTICE and FREEDOM of this host can place one."
        )
    rows = {m: torch.cat([table, features[m][None]]) for m, table in tables.items()}
    longer = Features(v=rows.get("v"), t=rows.get("t"))
    old = run.loader
    loader = TrainLoader(model.config, old.users, old.items, old.n_users, old.n_items + 1, longer)
    larger = type(model)(model.config, loader).to(model.device).eval()
    fresh = larger.state_dict()
    larger.load_state_dict({
        name: x if x.shape == fresh[name].shape else torch.cat([x, fresh[name][len(x) :]])
        for name, x in model.state_dict().items()
    })  # fmt: skip
    cold = run.dataset.splits.test.cold_items
    with without_ids(larger, np.append([] if cold is None else cold, old.n_items).astype(np.int64)):
        users, items = larger.representations()
    return users @ items[-1]
