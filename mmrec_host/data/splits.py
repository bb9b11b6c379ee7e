"""What is trained on, what is ranked and against what: MMRec's splits, and the cold-item protocol."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..errors import ConfigError, DataError
from .interactions import Interactions
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
    """

    name: str
    users: np.ndarray
    positives: Ragged
    mask: Ragged
    candidates: np.ndarray | None = None
    cold_items: np.ndarray | None = None


@dataclass(frozen=True)
class Splits:
    """Training pairs (int64 [n_train] each) and the two evaluation splits."""

    train_users: np.ndarray
    train_items: np.ndarray
    valid: EvalSplit
    test: EvalSplit
    digest: str


def make_splits(data: Interactions, config: Any) -> Splits:
    """The splits that the configuration asks for.

    `cold_items` > 0 is the cold-item protocol: that share of the items, drawn with `cold_seed`, loses its training
    rows; a third of them is for validation, two thirds for test, with all their interactions. They are ranked among
    themselves (`cold_candidates: cold`) or in the full catalogue (`all`).

    Raises:
        ConfigError: an unknown `eval_mask` or `cold_candidates`, a share outside [0, 1).
        DataError: a split without a single user left.
    """
    if config["cold_items"]:
        parts, cold_items = _cold_parts(data, config)
        warm = ~np.isin(data.items, cold_items)  # what a user took of the warm items is no negative, whatever its label
        warm_known = Ragged.group(data.users[warm], data.items[warm], data.n_users)
    else:
        parts, cold_items, warm_known = [(*data.rows(label), None) for label in range(3)], None, None
    (train_users, train_items, _), valid_part, test_part = parts
    trained_on = Ragged.group(train_users, train_items, data.n_users)
    known = trained_on.lengths > 0
    evals = []
    for name, (users, items, candidates) in zip(("valid", "test"), (valid_part, test_part)):
        if config["filter_out_cod_start_users"]:  # MMRec's spelling
            users, items = users[known[users]], items[known[users]]
        if len(users) == 0:
            raise DataError(f"no user of the {name} split has a training row, so there is nobody to rank for.")
        order = np.unique(users, return_index=True)[1]
        eval_users = users[np.sort(order)]
        mask = warm_known if warm_known is not None else trained_on
        if _masks_valid(config) and name == "test" and warm_known is None:
            both = np.concatenate([train_users, valid_part[0]]), np.concatenate([train_items, valid_part[1]])
            mask = Ragged.group(*both, data.n_users)
        positives = Ragged.group(users, items, data.n_users).take(eval_users)
        evals.append(EvalSplit(name, eval_users, positives, mask.take(eval_users), candidates, cold_items))
    valid, test = evals
    return Splits(train_users, train_items, valid, test, _digest(train_users, train_items, evals))


def _masks_valid(config: Any) -> bool:
    allowed = {"train": False, "train_valid": True}
    if config["eval_mask"] not in allowed:
        raise ConfigError(f"eval_mask={config['eval_mask']!r}: must be train (as in MMRec) or train_valid.")
    return allowed[config["eval_mask"]]


Part = tuple[np.ndarray, np.ndarray, "np.ndarray | None"]  # users, items, candidates


def _cold_parts(data: Interactions, config: Any) -> tuple[list[Part], np.ndarray]:
    share, seed = config["cold_items"], config["cold_seed"]
    if not 0 < share < 1:
        raise ConfigError(f"cold_items={share!r}: must be a share from 0 to 1, such as 0.2.")
    if config["cold_candidates"] not in ("cold", "all"):
        raise ConfigError(f"cold_candidates={config['cold_candidates']!r}: must be cold or all.")
    items = np.unique(data.items)
    # By default the run's seed draws the cold items too, so that several seeds mean several cold sets.
    rng = np.random.default_rng([int(config["seed"]) if seed is None else int(seed), 0xC01D])
    cold = rng.permutation(items)[: max(3, round(share * len(items)))]
    valid_items, test_items = np.sort(cold[: len(cold) // 3]), np.sort(cold[len(cold) // 3 :])
    warm_rows = (data.labels == 0) & ~np.isin(data.items, cold)
    parts: list[Part] = [(data.users[warm_rows], data.items[warm_rows], None)]
    for chosen in (valid_items, test_items):
        rows = np.isin(data.items, chosen)
        parts.append((data.users[rows], data.items[rows], chosen if config["cold_candidates"] == "cold" else None))
    return parts, np.sort(cold)


def _digest(users: np.ndarray, items: np.ndarray, evals: list[EvalSplit]) -> str:
    """Digest of the whole protocol: results compare only where it is the same."""
    sha = hashlib.sha256()
    for array in (users, items):
        sha.update(array.tobytes())
    for split in evals:
        for part in (split.users, split.positives.values, split.mask.values, split.candidates):
            sha.update(b"|" if part is None else part.tobytes())
    return sha.hexdigest()[:16]
