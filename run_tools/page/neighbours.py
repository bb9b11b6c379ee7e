"""Nearest neighbours of the items by cosine, in the frozen features and in the tuned ones."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from mmrec_host.graphs.item_graph import cosine_neighbours

from .sides import Side

MOST_NEIGHBOURS = 10


@dataclass(frozen=True)
class View:
    """The neighbours of all items in one table of features.

    Attributes:
        name: whose features.
        ids: int64 [n_items, k], nearest first, without the item itself.
        cosines: float [n_items, k].
        kept: of each item, the share of the first view's neighbours that are among these, float [n_items].
    """

    name: str
    ids: np.ndarray
    cosines: np.ndarray
    kept: np.ndarray

    def same_category(self, categories: Mapping[int, list[str]], items: Collection[int] | None = None) -> float | None:
        """Share of the neighbours that have a category in common with the item, over all with any; None without.

        Args:
            items: whose neighbours; by default all items'.
        """
        shared = [
            bool(set(names) & set(categories[int(neighbour)]))
            for item, names in categories.items()
            if items is None or item in items
            for neighbour in self.ids[item]
            if int(neighbour) in categories
        ]
        return float(np.mean(shared)) if shared else None

    def same_value(self, values: Mapping[int, str], items: Collection[int] | None = None) -> float | None:
        """Share of the neighbours that have the item's value of an attribute, likewise."""
        return self.same_category({item: [value] for item, value in values.items()}, items)


def neighbour_views(sides: Sequence[Side]) -> dict[str, list[View]]:
    """Modality -> a view for each different table: the frozen features first, then those that a run tuned."""
    tables: dict[str, dict[str, Tensor]] = {}
    for side in sides:
        suffix = f" ({side.name})" if side.name else ""
        current = side.run.item_features()
        for modality, frozen in side.run.loader.features.tables().items():
            seen = tables.setdefault(modality, {})
            if not any(_same(frozen, table) for table in seen.values()):
                seen[f"Frozen features{suffix if seen else ''}"] = frozen
            if not any(_same(current[modality], table) for table in seen.values()):
                seen[f"Tuned features{suffix}"] = current[modality]
    return {modality: _views(found) for modality, found in tables.items()}


def _same(a: Tensor, b: Tensor) -> bool:
    return a.shape == b.shape and torch.equal(a, b)


def _views(tables: Mapping[str, Tensor]) -> list[View]:
    views: list[View] = []
    for name, table in tables.items():
        k = min(MOST_NEIGHBOURS + 1, len(table))
        ids, cosines = (found[:, 1:].cpu().numpy() for found in cosine_neighbours(table.float(), k))
        first = views[0].ids if views else ids
        kept = (ids[:, :, None] == first[:, None, :]).any(2).mean(1)
        views.append(View(name, ids, cosines, kept))
    return views


def choose_items(views: Mapping[str, list[View]], usable: np.ndarray, n: int, rng: np.random.Generator) -> list[int]:
    """Half of the n items are those whose neighbours changed most, over all views; the others are drawn at random.

    Args:
        usable: ids to choose from.
    """
    kept = np.mean([view.kept[usable] for own in views.values() for view in own[1:] or own], axis=0)
    shuffled = rng.permutation(len(usable))
    changed = shuffled[np.argsort(kept[shuffled], kind="stable")]
    most = [int(i) for i in changed[: n // 2] if kept[i] < 1]
    others = shuffled[~np.isin(shuffled, most)][: n - len(most)]
    return [int(usable[i]) for i in [*most, *others]]
