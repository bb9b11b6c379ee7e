"""The base class of this host's recommenders, with what most of them keep, and the registry of all models."""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from ..kernels import products
from ..registry import Registry
from .contract import Model

MODELS = Registry("model", group="mmrec.models")


class Recommender(Model):
    """A recommender that scores a user and an item by the dot product of their vectors.

    Subclasses write `calculate_loss` and `representations`; a model that scores otherwise overrides `score_users`.

    Args:
        config: the resolved configuration; a missing key reads as None.
        dataloader: the training loader, with `n_users`, `n_items`, `features` and `inter_matrix`.

    Attributes:
        v_feat: frozen image features [n_items, d], or None.
        t_feat: frozen text features [n_items, d], or None.
    """

    def __init__(self, config: Any, dataloader: Any) -> None:
        super().__init__()
        self.config = config
        self.n_users = dataloader.n_users
        self.n_items = dataloader.n_items
        self.device: torch.device = config["device"]
        self.v_feat: Tensor | None = dataloader.features.v
        self.t_feat: Tensor | None = dataloader.features.t
        self._prepared: tuple[Tensor, Tensor] | None = None

    def representations(self) -> tuple[Tensor, Tensor]:
        """Final user vectors [n_users, d] and item vectors [n_items, d]."""
        raise NotImplementedError(f"{type(self).__name__} must define representations or score_users")

    def pair_scores(self, users: Tensor, items: Tensor) -> Tensor:
        """Scores [len(users), len(items)] of some users and items, with gradients."""
        user_vectors, item_vectors = self.representations()
        return F.embedding(users, user_vectors) @ F.embedding(items, item_vectors).T

    def prepare_evaluation(self) -> None:
        """Compute once what `score_users` needs for the whole evaluation that follows."""
        self._prepared = self.representations()

    def score_users(self, users: Tensor, out: Tensor | None = None) -> Tensor:
        """Scores [len(users), n_items] of all items, after `prepare_evaluation`; written into `out` if given."""
        user_vectors, item_vectors = self._prepared if self._prepared is not None else self.representations()
        if out is None:
            return user_vectors[users] @ item_vectors.T
        return products(user_vectors[users], item_vectors, out)

    def forget_prepared(self) -> None:
        """Drop what `prepare_evaluation` computed: the parameters have changed."""
        self._prepared = None

    def full_sort_predict(self, interaction: list[Tensor]) -> Tensor:
        """MMRec's scoring call: scores [n_batch_users, n_items] for the user ids in `interaction[0]`."""
        self.forget_prepared()
        return self.score_users(interaction[0])

    def item_id_tables(self) -> list[Tensor]:
        """Parameters [n_items, d] that are free per item; a cold item is scored with its rows at zero."""
        return []

    def rebuild_from_features(self) -> None:
        """Rebuild what was derived from the features at construction (item graphs) after they have changed."""
