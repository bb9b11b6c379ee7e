"""Where a recommender keeps its modality features, and how other features are put there.

A slot is a parameter, a buffer or a plain tensor attribute that holds the image features, the text features, or both
side by side. It is found by identity (shared storage) or by value, so that models that know nothing of this are served
too.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from mmrec_host.errors import ConfigError


@dataclass(frozen=True)
class Slot:
    """One place: `getattr(module, attribute)`, filled with the tables of `modalities` side by side."""

    module: nn.Module
    attribute: str
    modalities: tuple[str, ...]


class FeatureSlots:
    """All places of a recommender that hold the given features.

    Args:
        model: the recommender, built on `tables`.
        tables: modality -> features [n_items, d_m].

    Raises:
        ConfigError: a modality is kept nowhere in the model, so that nothing could be put there.
    """

    def __init__(self, model: nn.Module, tables: Mapping[str, Tensor]) -> None:
        self.model = model
        orders = [(m,) for m in tables] + ([tuple(tables), tuple(tables)[::-1]] if len(tables) > 1 else [])
        joined = {
            order: torch.cat([tables[m] for m in order], 1) if len(order) > 1 else tables[order[0]] for order in orders
        }
        self.slots: list[Slot] = []
        for module in model.modules():
            for attribute, tensor in _tensors(module):
                order = _held(tensor, joined)
                if order is not None:
                    self.slots.append(Slot(module, attribute, order))
        absent = set(tables) - {m for slot in self.slots for m in slot.modalities}
        if absent:
            raise ConfigError(
                f"{type(model).__name__} keeps the features {', '.join(sorted(absent))} in no parameter, buffer or "
                "attribute, so tuned features cannot reach it. Choose another base, or leave the modality out with "
                "modalities=[...]."
            )
        for slot in self.slots:
            if isinstance(getattr(slot.module, slot.attribute), nn.Parameter):
                getattr(slot.module, slot.attribute).requires_grad_(False)

    def _fill(self, slot: Slot, tables: Mapping[str, Tensor]) -> Tensor:
        parts = [tables[m] for m in slot.modalities]
        return parts[0] if len(parts) == 1 else torch.cat(parts, 1)

    @torch.no_grad()
    def put(self, tables: Mapping[str, Tensor]) -> None:
        """Replace the features for good."""
        for slot in self.slots:
            _set(slot, self._fill(slot, tables).detach())

    @contextmanager
    def live(self, tables: Mapping[str, Tensor]) -> Iterator[None]:
        """Inside, the slots hold differentiable `tables`; afterwards what they held before."""
        before = [getattr(slot.module, slot.attribute) for slot in self.slots]
        try:
            for slot in self.slots:
                table = self._fill(slot, tables)
                if slot.attribute in slot.module._parameters:
                    # A parameter's place accepts no plain tensor through setattr; this is what functional_call does
                    # too.
                    slot.module._parameters[slot.attribute] = table  # type: ignore[assignment]
                else:
                    setattr(slot.module, slot.attribute, table)
            yield
        finally:
            for slot, tensor in zip(self.slots, before):
                if slot.attribute in slot.module._parameters:
                    slot.module._parameters[slot.attribute] = tensor
                else:
                    setattr(slot.module, slot.attribute, tensor)

    def call(self, function: Callable[..., Any], tables: Mapping[str, Tensor], *args: Any) -> Any:
        """`function(*args)` with live tables."""
        with self.live(tables):
            return function(*args)


def _tensors(module: nn.Module) -> Iterator[tuple[str, Tensor]]:
    """Parameters, buffers and plain tensor attributes of one module."""
    for store in (module._parameters, module._buffers, vars(module)):
        for name, value in store.items():
            if isinstance(value, Tensor) and not value.is_sparse and value.layout == torch.strided:
                yield name, value


def _held(tensor: Tensor, tables: Mapping[tuple[str, ...], Tensor]) -> tuple[str, ...] | None:
    """Whose features a tensor is: those that share its storage, else those of equal value."""
    alike = {
        o: x for o, x in tables.items() if (x.shape, x.dtype, x.device) == (tensor.shape, tensor.dtype, tensor.device)
    }
    shared = [o for o, x in alike.items() if x.data_ptr() == tensor.data_ptr()]
    return next((o for o in [*shared, *alike] if o in shared or torch.equal(alike[o], tensor)), None)


def _set(slot: Slot, table: Tensor) -> None:
    held = getattr(slot.module, slot.attribute)
    if isinstance(held, nn.Parameter):
        held.data = table
    else:
        setattr(slot.module, slot.attribute, table)
