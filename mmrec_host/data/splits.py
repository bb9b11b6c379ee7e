"""What is trained on, what is ranked and against what: MMRec's splits, and the protocols with cold or new items."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..errors import ConfigError
from .eval_split import EvalSplit, Part, Splits, eval_split, masks_valid, protocol_digest
from .interactions import Interactions
from .new_items import new_item_splits
from .ragged import Ragged


def make_splits(data: Interactions, config: Any) -> Splits:
    """The splits that the configuration asks for: MMRec's, or those of the cold-item or the new-item protocol.

    Raises:
        ConfigError: an unknown `eval_mask` or `cold_candidates`, a share outside [0, 1), both protocols at once.
        DataError: a split without a single user left.
    """
    if config["new_items"] and config["cold_items"]:
        raise ConfigError(
            f"new_items={config['new_items']} and cold_items={config['cold_items']} are two protocols: say new_items=0 "
            "or cold_items=0."
        )
    if config["new_items"]:
        return new_item_splits(data, config)
    return cold_item_splits(data, config) if config["cold_items"] else usual_splits(data, config)


def usual_splits(data: Interactions, config: Any) -> Splits:
    """The splits as the labels say, all items ranked (MMRec)."""
    train, valid, test = (data.rows(label) for label in range(3))
    trained_on = Ragged.group(*train, data.n_users)
    trained = trained_on.lengths > 0
    at_test = trained_on
    if masks_valid(config):
        both = np.concatenate([train[0], valid[0]]), np.concatenate([train[1], valid[1]])
        at_test = Ragged.group(*both, data.n_users)
    rankings = [
        eval_split("valid", valid, trained_on, config, trained),
        eval_split("test", test, at_test, config, trained),
    ]
    return Splits(train[0], train[1], rankings[0], rankings[1], protocol_digest(train, rankings))


def cold_item_splits(data: Interactions, config: Any) -> Splits:
    """The cold-item protocol: a share `cold_items` of the items, drawn with `cold_seed`, loses its training rows.

    A third of them is for validation, two thirds for test, with all their interactions. They are ranked among
    themselves (`cold_candidates: cold`) or in the full catalogue (`all`). What a user took of the warm items is no
    negative, whatever its label.
    """
    masks_valid(config)
    share, seed = config["cold_items"], config["cold_seed"]
    if not 0 < share < 1:
        raise ConfigError(f"cold_items={share!r}: must be a share from 0 to 1, such as 0.2.")
    if config["cold_candidates"] not in ("cold", "all"):
        raise ConfigError(f"cold_candidates={config['cold_candidates']!r}: must be cold or all.")
    items = np.unique(data.items)
    # By default the run's seed draws the cold items too, so that several seeds mean several cold sets.
    rng = np.random.default_rng([int(config["seed"]) if seed is None else int(seed), 0xC01D])
    cold = rng.permutation(items)[: max(3, round(share * len(items)))]
    warm = ~np.isin(data.items, cold)
    train = data.users[warm & (data.labels == 0)], data.items[warm & (data.labels == 0)]
    trained = np.bincount(train[0], minlength=data.n_users) > 0
    mask = Ragged.group(data.users[warm], data.items[warm], data.n_users)
    rankings: list[EvalSplit] = []
    for name, chosen in (("valid", cold[: len(cold) // 3]), ("test", cold[len(cold) // 3 :])):
        rows: Part = data.users[np.isin(data.items, chosen)], data.items[np.isin(data.items, chosen)]
        candidates = np.sort(chosen) if config["cold_candidates"] == "cold" else None
        rankings.append(eval_split(name, rows, mask, config, trained, candidates, np.sort(cold)))
    return Splits(train[0], train[1], rankings[0], rankings[1], protocol_digest(train, rankings))
