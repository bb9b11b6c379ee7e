"""Which interactions are for training (0), validation (1) and test (2)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from mmrec_host.errors import ConfigError, DataError

from ..mmrec_split import held_out
from .interaction_log import InteractionLog

FEWEST = 3  # rows of a user that has one in each split; with fewer, all are for training


@dataclass(frozen=True)
class Rule:
    """How rows are held out.

    Attributes:
        name: of `SPLIT_RULES`.
        seed: of the random rules.
        ratio: shares of train, validation and test, of the rules that have shares.
        since: seconds since 1970 at which validation and test begin, or None to take the times at the shares.
    """

    name: str = "mmrec"
    seed: int = 999
    ratio: tuple[float, float, float] = (0.8, 0.1, 0.1)
    since: tuple[float, float] | None = None

    @property
    def ordered(self) -> bool:
        """Whether it needs the time of every row."""
        return self.name in TIMED

    def described(self) -> dict[str, Any]:
        """What a dataset depends on, as JSON values."""
        shares = {"ratio": list(self.ratio)} if self.name in WITH_RATIO else {}
        return {"split_rule": self.name, "seed": self.seed, **shares, **({"since": self.since} if self.since else {})}


def mmrec_labels(log: InteractionLog, rule: Rule) -> np.ndarray:
    """MMRec's rule, int8 [n_rows]: each user's rows in random order, the last `held_out` of them held out."""
    return _label_last(log.users, _random(log, rule), *held_out(np.bincount(log.users)))


def last_labels(log: InteractionLog, rule: Rule) -> np.ndarray:
    """Leave-last-out, int8 [n_rows]: a user's latest row is for test, the one before for validation.

    Rows of equal time are in the order of the source.
    """
    return _label_last(log.users, _times(log, rule), *_ones(log))


def leave_one_out_labels(log: InteractionLog, rule: Rule) -> np.ndarray:
    """Leave-one-out, int8 [n_rows]: of each user a row at random is for test, and one for validation."""
    return _label_last(log.users, _random(log, rule), *_ones(log))


def ratio_labels(log: InteractionLog, rule: Rule) -> np.ndarray:
    """Shares of each user's rows at random, int8 [n_rows]; one at least where the share is not 0."""
    return _label_last(log.users, _random(log, rule), *_shares(log, rule))


def ratio_time_labels(log: InteractionLog, rule: Rule) -> np.ndarray:
    """Shares of each user's rows in the order of time, int8 [n_rows]: the latest are for test."""
    return _label_last(log.users, _times(log, rule), *_shares(log, rule))


def time_labels(log: InteractionLog, rule: Rule) -> np.ndarray:
    """Two points in time for all users, int8 [n_rows]: rows from the first on are for validation, from the second for
    test. Without points, those times before which the shares of all rows lie.
    """
    times = _times(log, rule)
    train, valid, _ = rule.ratio
    since = rule.since or tuple(np.quantile(times, [train, train + valid], method="higher"))
    return (times >= since[0]).astype(np.int8) + (times >= since[1])


SPLIT_RULES: dict[str, Callable[[InteractionLog, Rule], np.ndarray]] = {
    "mmrec": mmrec_labels,
    "last": last_labels,
    "leave-one-out": leave_one_out_labels,
    "ratio": ratio_labels,
    "ratio-time": ratio_time_labels,
    "time": time_labels,
}
TIMED = ("last", "ratio-time", "time")
WITH_RATIO = ("ratio", "ratio-time", "time")


def split(log: InteractionLog, rule: Rule) -> np.ndarray:
    """Labels by a rule, int8 [n_rows].

    Raises:
        ConfigError: the rule orders by time, and a row has none.
        DataError: nothing is left for a part of the split.
    """
    labels = SPLIT_RULES[rule.name](log, rule)
    counts = np.bincount(labels, minlength=3)
    if not counts[1:].any() and rule.name != "time":
        raise DataError(
            f"no user has {FEWEST} interactions, so none can be held out for validation and test. Give more data, or "
            "an existing split with --split FILE."
        )
    require_all_parts(labels)
    return labels


def with_validation(log: InteractionLog, labels: np.ndarray, seed: int) -> np.ndarray:
    """A split of training and test alone, with a tenth of each user's training rows, one at least, for validation."""
    rows = np.flatnonzero(labels == 0)
    users, n_rows = log.users[rows], np.bincount(log.users[rows], minlength=len(log.user_ids))
    held = np.maximum(n_rows // 10, 1)
    made = labels.copy()
    key = np.random.default_rng(seed).random(len(rows))
    made[rows] = np.minimum(_label_last(users, key, np.zeros_like(held), held), 1)
    return made


def require_all_parts(labels: np.ndarray) -> None:
    """`DataError` unless there are rows for training, validation and test."""
    counts = np.bincount(labels, minlength=3).tolist()
    if not all(counts):
        said = ", ".join(f"{n:,} for {part}" for n, part in zip(counts, ("training", "validation", "test")))
        raise DataError(f"the split has {said}; each needs at least one. Choose other shares, points in time or files.")


def _random(log: InteractionLog, rule: Rule) -> np.ndarray:
    return np.random.default_rng(rule.seed).random(len(log))


def _times(log: InteractionLog, rule: Rule) -> np.ndarray:
    if not log.ordered or log.times is None:
        raise ConfigError(
            f"--split-rule {rule.name} orders rows by time, and the interactions have no readable time in every row. "
            "Name its column with --time COLUMN, or take --split-rule mmrec."
        )
    return log.times


def _ones(log: InteractionLog) -> tuple[np.ndarray, np.ndarray]:
    one = np.ones(len(log.user_ids), dtype=np.int64)
    return one, one


def _shares(log: InteractionLog, rule: Rule) -> tuple[np.ndarray, np.ndarray]:
    n_rows = np.bincount(log.users)
    valid, test = (np.maximum(np.floor(n_rows * share + 1e-9).astype(np.int64), share > 0) for share in rule.ratio[1:])
    return valid, test


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
