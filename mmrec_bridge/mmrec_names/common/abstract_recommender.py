"""The base classes of MMRec's models, on this host's features."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from mmrec_host.errors import ConfigError


class PlainResults(nn.Module):
    """A module whose parameters may be replaced by plain tensors."""

    def __setattr__(self, name: str, value: Any) -> None:
        # `self.x = Parameter(...).to(device)` makes a plain tensor on a GPU and a parameter on a CPU. Models that count
        # on the former (DualGNN, DRAGON) put a result there later, which torch refuses for a parameter.
        if isinstance(value, Tensor) and not isinstance(value, nn.Parameter) and name in vars(self)["_parameters"]:
            del self._parameters[name]
        super().__setattr__(name, value)


class AbstractRecommender(PlainResults):
    """The calls of MMRec's trainer, with the defaults that a model may keep."""

    def pre_epoch_processing(self) -> None:
        """Called before each training epoch."""

    def post_epoch_processing(self) -> str | None:
        """Called after each training epoch; a returned text is logged."""

    def calculate_loss(self, interaction: Tensor) -> Tensor | tuple[Tensor, ...]:
        """Loss of a batch of ids [3, batch]; see the loader for the other layouts."""
        raise NotImplementedError(f"{type(self).__name__} must define calculate_loss")

    def predict(self, interaction: Any) -> Tensor:
        """Scores of pairs; MMRec never asks for them."""
        raise NotImplementedError(f"{type(self).__name__} must define predict")

    def full_sort_predict(self, interaction: list[Tensor]) -> Tensor:
        """Scores [n_batch_users, n_items] for the user ids in `interaction[0]`."""
        raise NotImplementedError(f"{type(self).__name__} must define full_sort_predict")

    def __str__(self) -> str:
        return f"{super().__str__()}\nTrainable parameters: {sum(p.numel() for p in self.parameters())}"


class GeneralRecommender(AbstractRecommender):
    """Sizes, field names and features, set before a model's own constructor goes on.

    Attributes:
        v_feat, t_feat: float32 [n_items, d] of image and text, None where a modality is absent; both None under
            `end2end` or without `is_multimodal_model`. They are the model's own copies, which it may train in place.
    """

    def __init__(self, config: Any, dataloader: Any) -> None:
        super().__init__()
        self.USER_ID: str = config["USER_ID_FIELD"]
        self.ITEM_ID: str = config["ITEM_ID_FIELD"]
        self.NEG_ITEM_ID: str = config["NEG_PREFIX"] + self.ITEM_ID
        self.n_users: int = dataloader.dataset.get_user_num()
        self.n_items: int = dataloader.dataset.get_item_num()
        self.batch_size: int = config["train_batch_size"]
        self.device: torch.device = config["device"]
        self.v_feat: Tensor | None = None
        self.t_feat: Tensor | None = None
        if config["is_multimodal_model"] and not config["end2end"]:
            tables = dataloader.features.to(self.device).tables()
            if not tables:
                raise ConfigError(
                    f"{type(self).__name__} needs item features, and there are none: check the keys `features` and "
                    "`modalities`, or say is_multimodal_model=false if it reads none."
                )
            for modality, table in tables.items():
                setattr(self, f"{modality}_feat", table.clone())
