"""Whom to rank for and what to rank: one ranking, and the splits of a dataset."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from ..errors import ConfigError, DataError
from .ragged import Ragged


@dataclass(frozen=True)
class EvalSplit:
    """Users to rank for.

    Attributes:
        users: int64 [n_eval_users], in order of first appearance.
        positives: the items that each of them should find, in file order.
        mask: the items of each of them that are never ranked.
        candidates: int64 ids of the items that are ranked; None for all.
        cold_items: int64 ids of the items without training rows, whose free id vectors count as zero; None: no such
            protocol.
        beside: further rankings that are reported together with this one, by the name of what they rank.
    """

    name: str
    users: np.ndarray
    positives: Ragged
    mask: Ragged
    candidates: np.ndarray | None = None
    cold_items: np.ndarray | None = None
    beside: dict[str, EvalSplit] = field(default_factory=dict)


@dataclass(frozen=True)
class Splits:
    """Training pairs (int64 [n_train] each) and the two evaluation splits."""

    train_users: np.ndarray
    train_items: np.ndarray
    valid: EvalSplit
    test: EvalSplit
    digest: str


Part = tuple[np.ndarray, np.ndarray]
"""Users and items, int64 [n_rows] each."""


def eval_split(
    name: str,
    rows: Part,
    mask: Ragged,
    config: Any,
    trained: np.ndarray,
    candidates: np.ndarray | None = None,
    cold_items: np.ndarray | None = None,
) -> EvalSplit:
    """The ranking that should find `rows`, for the users who have some.

    Args:
        mask: a row a user of the dataset.
        trained: bool [n_users], who has a training row; others are left out where `filter_out_cod_start_users` says so.
        candidates, cold_items: as in `EvalSplit`.

    Raises:
        DataError: nobody is left.
    """
    users, items = rows
    if config["filter_out_cod_start_users"]:  # MMRec's spelling
        users, items = users[trained[users]], items[trained[users]]
    if len(users) == 0:
        raise DataError(f"no user of the {name} split has a training row, so there is nobody to rank for.")
    order = np.unique(users, return_index=True)[1]
    eval_users = users[np.sort(order)]
    positives = Ragged.group(users, items, len(trained)).take(eval_users)
    return EvalSplit(name, eval_users, positives, mask.take(eval_users), candidates, cold_items)


def masks_valid(config: Any) -> bool:
    """Whether what a user took in validation is not ranked at test, by the key `eval_mask`; `ConfigError` else."""
    allowed = {"train": False, "train_valid": True}
    if config["eval_mask"] not in allowed:
        raise ConfigError(f"eval_mask={config['eval_mask']!r}: must be train (as in MMRec) or train_valid.")
    return allowed[config["eval_mask"]]


def protocol_digest(train: Part, rankings: Sequence[EvalSplit]) -> str:
    """Digest of the whole protocol: results compare only where it is the same."""
    sha = hashlib.sha256()
    for array in train:
        sha.update(array.tobytes())
    for split in [each for ranking in rankings for each in (ranking, *ranking.beside.values())]:
        for part in (split.users, split.positives.values, split.mask.values, split.candidates):
            sha.update(b"|" if part is None else part.tobytes())
    return sha.hexdigest()[:16]
