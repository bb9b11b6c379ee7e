"""Which interactions are for training (0), validation (1) and test (2)."""

from __future__ import annotations

import numpy as np

from mmrec_host.errors import ConfigError, DataError

from ..mmrec_split import held_out
from .interaction_log import InteractionLog

FEWEST = 3  # rows of a user that has one in each split; with fewer, all are for training


def mmrec_labels(log: InteractionLog, seed: int) -> np.ndarray:
    """MMRec's rule, int8 [n_rows]: each user's rows in random order, the last `held_out` of them held out."""
    return _label_last(log.users, np.random.default_rng(seed).random(len(log)), *held_out(np.bincount(log.users)))


def last_labels(log: InteractionLog, seed: int) -> np.ndarray:
    """Leave-last-out, int8 [n_rows]: a user's latest row is for test, the one before for validation.

    Rows of equal time are in the order of the source; `seed` has no influence.

    Raises:
        ConfigError: the source has no times.
    """
    if log.times is None:
        raise ConfigError(
            "--split-rule last orders each user's rows by time, and the interactions have no readable time in every "
            "row. Name its column with --time COLUMN, or take --split-rule mmrec."
        )
    one = np.ones(len(log.user_ids), dtype=np.int64)
    return _label_last(log.users, log.times, one, one)


SPLIT_RULES = {"mmrec": mmrec_labels, "last": last_labels}


def split(log: InteractionLog, rule: str, seed: int) -> np.ndarray:
    """Labels by the named rule, int8 [n_rows].

    Raises:
        DataError: no user has rows enough for validation and test.
    """
    labels = SPLIT_RULES[rule](log, seed)
    if not labels.any():
        raise DataError(
            f"no user has {FEWEST} interactions, so none can be held out for validation and test. Give more data, or "
            "an existing split with --split FILE."
        )
    return labels


def _label_last(users: np.ndarray, key: np.ndarray, n_valid: np.ndarray, n_test: np.ndarray) -> np.ndarray:
    """2 for the last `n_test` rows of each user in the order of `key`, 1 for the `n_valid` before; int8 [n_rows]."""
    n_rows = np.bincount(users)
    order = np.lexsort((key, users))
    position = np.arange(len(users)) - np.repeat(np.cumsum(n_rows) - n_rows, n_rows)
    owner = users[order]
    from_end = n_rows[owner] - position
    label = (from_end <= n_valid[owner] + n_test[owner]).astype(np.int8) + (from_end <= n_test[owner])
    labels = np.empty(len(users), dtype=np.int8)
    labels[order] = np.where(n_rows[owner] < FEWEST, 0, label)
    return labels
