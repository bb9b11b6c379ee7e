"""An item that the catalogue does not have, by its text or its image: what is like it, and who might take it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
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


EncodeNew = Callable[[Mapping[str, str | bytes]], dict[str, Tensor]]
"""A text ("t") and a picture's bytes ("v") of an item -> its features [d_m], as the run's model reads them."""


@runtime_checkable
class EncodesNew(Protocol):
    """A feature source that can make features of an item which the dataset does not have.

    Without it: a new item cannot be placed.
    """

    def new_item_encoder(self, run: FinishedRun) -> EncodeNew:
        """What encodes new items as the run's were; it is loaded here, and may be called often."""


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
    """One new item placed; see `NewItems`."""
    return NewItems(run).place(text, image, k)


class NewItems:
    """Encodes new items as the run's catalogue was encoded, and places them there; the encoder is loaded once.

    Raises:
        ConfigError: the model reads no item features, or they come from no encoder.
    """

    def __init__(self, run: FinishedRun) -> None:
        self.run, self.tables = run, run.item_features()
        if not self.tables:
            raise ConfigError(
                f"{run.config['model']} reads no item features, so it knows nothing of a new item's text or image."
            )
        source = FEATURES.get(run.config["features"])
        if not isinstance(source, EncodesNew):
            raise ConfigError(
                f"this run's features come from files (features={run.config['features']}), so no encoder is known "
                "that could read a new item. Train with features=encoder."
            )
        self._source = source

    @cached_property
    def _encode(self) -> EncodeNew:
        return self._source.new_item_encoder(self.run)

    def nearest(self, text: str | None, image: Path | bytes | None, k: int) -> Scored:
        """The k items whose features are nearest.

        Raises:
            ConfigError: the run reads no such modality; an image that is none.
        """
        return best(self._nearness(self._features(text, image)), k)

    def place(self, text: str | None, image: Path | bytes | None, k: int) -> NewItem:
        """The k nearest items and the k likeliest users.

        Where the model reads a modality that is not given, the mean of the nearest items' features stands in.

        Raises:
            ConfigError: the run reads no such modality; an image that is none; the model cannot score a new item.
        """
        given = self._features(text, image)
        nearness = self._nearness(given)
        near = [item for item, _ in best(nearness, STAND_IN)]
        whole = {m: given[m] if m in given else table[near].mean(0) for m, table in self.tables.items()}
        return NewItem(best(nearness, k), best(_scores(self.run, self.tables, whole), k))

    def _nearness(self, given: dict[str, Tensor]) -> Tensor:
        cosines = [F.cosine_similarity(self.tables[m], z[None], dim=1) for m, z in given.items()]
        return torch.stack(cosines).mean(0)

    def _features(self, text: str | None, image: Path | bytes | None) -> dict[str, Tensor]:
        """Features [d_m] of what is given, as the run's model would read them."""
        given = [m for m, content in (("v", image), ("t", text)) if content]
        unread = [MODALITIES[m] for m in given if m not in self.tables]
        if unread:
            raise ConfigError(
                f"this run reads no {' and no '.join(unread)} (modalities={self.run.config['modalities']})."
            )
        raw: dict[str, str | bytes] = {}
        if image:
            raw["v"] = image if isinstance(image, bytes) else _image(image)
        if text:
            raw["t"] = text
        return self._encode(raw)


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
