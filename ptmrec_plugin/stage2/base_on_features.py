"""The base recommender, whose item features can be replaced: for good, or for one loss."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import AbstractContextManager
from typing import Any

import torch
from torch import Tensor, nn

from mmrec_host.errors import ConfigError
from mmrec_host.models.base import MODELS, Recommender
from mmrec_host.models.contract import Model, RebuildsFromFeatures
from mmrec_host.training.model_state import restore, snapshot

from .feature_slots import FeatureSlots

BASE, FEATURES = "base.", "features."  # beginnings of the names in a state


def require_base(config: Any, reads_features: bool) -> None:
    """`ConfigError` for a base that cannot be tuned through, as far as the configuration says so."""
    name = config["base"]
    if not reads_features:
        raise ConfigError(
            f"base={name} reads no item features, so there is nothing to tune. VBPR, Content, FREEDOM and LATTICE "
            "read them."
        )
    if name == config["model"]:
        raise ConfigError(f"base={name}: must be another recommender, such as VBPR, Content, FREEDOM or LATTICE.")
    if config["use_full_sampling"]:
        raise ConfigError(f"base={name}: trains on batches of users (use_full_sampling), which have no item pools.")


class BaseOnFeatures(nn.Module):
    """A registered recommender R_ψ on the frozen features of a loader, which are then replaced by tuned ones.

    Args:
        config: its key `base` names the recommender; `rebuild_graph` says whether item graphs follow the features.
        dataloader: the training loader; it holds the frozen features.

    Attributes:
        base: the recommender; its feature slots are frozen tables.
        frozen: modality -> the features [n_items, d] that it was built on.
        tables: those that it scores with now.

    Raises:
        ConfigError: a base that reads no features, or that keeps them where they cannot be replaced.
    """

    def __init__(self, config: Any, dataloader: Any) -> None:
        super().__init__()
        self.config, self.device = config, config["device"]
        self.frozen: dict[str, Tensor] = dataloader.features.tables()
        require_base(config, bool(self.frozen))
        self.build(dataloader)

    def build(self, dataloader: Any) -> None:
        """Make the recommender, freshly initialised, on the frozen features."""
        name = self.config["base"]
        base = MODELS.get(name)(self.config.replaced(model=name, trainable_features=False), dataloader)
        self.base: Model = base.to(self.device)
        self.tables = dict(self.frozen)
        self.slots = FeatureSlots(self.base, self.frozen)

    def live(self, tables: Mapping[str, Tensor]) -> AbstractContextManager[None]:
        """Inside, the recommender computes with these differentiable tables."""
        return self.slots.live(tables)

    def put(self, tables: Mapping[str, Tensor]) -> None:
        """Replace features for good; what the recommender derives from them is derived anew, by key."""
        self.tables = {**self.tables, **tables}
        self.slots.put(self.tables)
        if self.config["rebuild_graph"] and isinstance(self.base, RebuildsFromFeatures):
            self.base.rebuild_from_features()
        if isinstance(self.base, Recommender):
            self.base.forget_prepared()

    def snapshot(self) -> dict[str, Tensor]:
        """Copies of ψ."""
        return {f"{BASE}{name}": tensor for name, tensor in snapshot(self.base).items()}

    def restore(self, state: Mapping[str, Tensor]) -> None:
        """Bring ψ back, and the features that belong to it: the frozen ones, where the state has no others."""
        state = {name: tensor.to(self.device) for name, tensor in state.items()}
        stored = section(state, FEATURES)
        wanted = {modality: stored.get(modality, table) for modality, table in self.frozen.items()}
        if any(not torch.equal(wanted[m], self.tables[m]) for m in wanted):
            self.put(wanted)  # before ψ is loaded: a base may hold the features among its parameters
        restore(self.base, section(state, BASE))


def section(state: Mapping[str, Tensor], prefix: str) -> dict[str, Tensor]:
    """The part of a state whose names begin with `prefix`, without it."""
    return {name.removeprefix(prefix): tensor for name, tensor in state.items() if name.startswith(prefix)}
