"""The new-item protocol: some items are new, and one run reports how it ranks these and how it ranks the others."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..errors import ConfigError, DataError
from .eval_split import Part, Splits, eval_split, masks_valid, protocol_digest
from .interactions import Interactions
from .ragged import Ragged

NEW, NEW_IN_ALL = "new", "new in all"
"""The rankings beside that of the other items: new items among themselves, and in the full catalogue."""


def new_item_splits(data: Interactions, config: Any) -> Splits:
    """A share `new_items` of the items, drawn with `cold_seed`, loses its training rows.

    The other items keep the split that their labels say, and are ranked among themselves. Of the new items a third is
    for validation and two thirds are for test, with all their interactions; they are ranked among themselves (`new`)
    and in the full catalogue (`new in all`), where what a user took of the other items is no negative.

    Raises:
        ConfigError: a share outside [0, 1).
        DataError: so many items cannot be new without leaving a user without a training row, or nobody is left.
    """
    new = draw_new_items(data, config)
    of_new = np.isin(data.items, new)
    old_items = np.setdiff1d(np.arange(data.n_items), new)
    train, valid, test = (_rows(data, ~of_new & (data.labels == label)) for label in range(3))
    trained_on = Ragged.group(*train, data.n_users)
    trained = trained_on.lengths > 0
    masks = [trained_on, trained_on]
    if masks_valid(config):
        both = np.concatenate([train[0], valid[0]]), np.concatenate([train[1], valid[1]])
        masks[1] = Ragged.group(*both, data.n_users)
    taken = Ragged.group(*_rows(data, ~of_new), data.n_users)
    held = new[: len(new) // 3], new[len(new) // 3 :]
    rankings = []
    for name, rows, mask, chosen in zip(("valid", "test"), (valid, test), masks, held, strict=True):
        wanted = _rows(data, np.isin(data.items, chosen))
        among = {NEW: np.sort(chosen), NEW_IN_ALL: None}
        beside = {
            group: eval_split(f"{name}, {group}", wanted, taken, config, trained, candidates, np.sort(new))
            for group, candidates in among.items()
        }
        ranking = eval_split(name, rows, mask, config, trained, old_items, np.sort(new))
        ranking.beside.update(beside)
        rankings.append(ranking)
    return Splits(train[0], train[1], rankings[0], rankings[1], protocol_digest(train, rankings))


def draw_new_items(data: Interactions, config: Any) -> np.ndarray:
    """The ids of the new items, in random order; an item that a user could not spare is passed over."""
    share, seed = config["new_items"], config["cold_seed"]
    if not 0 < share < 1:
        raise ConfigError(f"new_items={share!r}: must be a share from 0 to 1, such as 0.1.")
    items = np.unique(data.items)
    n_new = max(3, round(share * len(items)))
    in_training = data.labels == 0
    pairs = np.unique(np.stack([data.items[in_training], data.users[in_training]]), axis=1)
    takers = Ragged.group(pairs[0], pairs[1], data.n_items)
    left = np.bincount(pairs[1], minlength=data.n_users)  # different items of each user in training
    # By default the run's seed draws the new items too, so that several seeds mean several sets.
    rng = np.random.default_rng([int(config["seed"]) if seed is None else int(seed), 0x0E3])
    new: list[int] = []
    for item in rng.permutation(items):
        users = takers.row(int(item))
        if (left[users] > 1).all():
            left[users] -= 1
            new.append(int(item))
        if len(new) == n_new:
            return np.array(new, np.int64)
    raise DataError(
        f"new_items={share}: {n_new} of {len(items)} items would be new, but only {len(new)} can be without leaving a "
        "user without a training row. Take a smaller share."
    )


def _rows(data: Interactions, chosen: np.ndarray) -> Part:
    return data.users[chosen], data.items[chosen]
