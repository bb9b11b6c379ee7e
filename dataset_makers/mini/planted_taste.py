"""PlantedTaste: ranks by the tastes that the generated dataset was drawn with, which no model is told."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from mmrec_host.errors import DataError
from mmrec_host.models.base import MODELS, Recommender

from ..mmrec_layout import ITEMS
from .dataset import TASTES, USERS


@MODELS.register("PlantedTaste")
class PlantedTaste(Recommender):
    """How many of a user's tastes an item has: what features can tell of new items at most.

    It is no bound for items with purchases, whose hidden communities purchases show.

    Raises:
        DataError: the dataset says nothing of tastes.
    """

    def __init__(self, config: Any, dataloader: Any) -> None:
        super().__init__(config, dataloader)
        folder = Path(config["data_path"]) / config["dataset"]
        files = {USERS: self.n_users, ITEMS: self.n_items}
        self.users, self.items = (nn.Parameter(_tastes(folder / f, n), requires_grad=False) for f, n in files.items())

    def representations(self) -> tuple[Tensor, Tensor]:
        """A one and zeros for each attribute: [n_users, d] and [n_items, d]."""
        return self.users, self.items


def _tastes(file: Path, n: int) -> Tensor:
    """The attributes of n users or items, float [n, d], a place for each value."""
    try:
        lines = [json.loads(line) for line in file.read_text(encoding="utf-8").splitlines()]
        return torch.tensor([[float(x[name] == v) for name in TASTES for v in TASTES[name]] for x in lines[:n]])
    except (OSError, KeyError, ValueError, TypeError, RecursionError) as error:
        raise DataError(
            f"{file}: does not say who has which {', '.join(TASTES)} ({error!r}). PlantedTaste is for the generated "
            "dataset (-d mini); a folder that an older version made must be removed first."
        ) from error
