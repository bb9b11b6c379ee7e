"""Who took what, and when: rows of raw ids, and what is kept of them."""

from __future__ import annotations

from array import array
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from mmrec_host.errors import DataError

from .faults import Faults

MOST_TRIED = 5  # largest core that is tried where the one asked for is empty


@dataclass(frozen=True)
class InteractionLog:
    """Interactions of users with items, in the order of their source.

    Attributes:
        users, items: int64 [n_rows], positions in `user_ids` and `item_ids`.
        ratings: float64 [n_rows].
        times: float64 [n_rows], seconds since 1970, NaN where a row has none, or None where the source has none.
        user_ids, item_ids: the raw ids as text.
        labels: int8 [n_rows], the split that the source has (0 train, 1 valid, 2 test), or None.
        n_read: rows of the source, those that were left out too.
    """

    users: np.ndarray
    items: np.ndarray
    ratings: np.ndarray
    times: np.ndarray | None
    user_ids: list[str]
    item_ids: list[str]
    labels: np.ndarray | None = None
    n_read: int = 0

    def __len__(self) -> int:
        return len(self.users)

    def select(self, rows: np.ndarray) -> InteractionLog:
        """The chosen rows (a mask or positions); users and items are numbered by first appearance, as MMRec does."""
        users, user_ids = _by_appearance(self.users[rows], self.user_ids)
        items, item_ids = _by_appearance(self.items[rows], self.item_ids)
        times, labels = (None if column is None else column[rows] for column in (self.times, self.labels))
        return InteractionLog(users, items, self.ratings[rows], times, user_ids, item_ids, labels, self.n_read)

    @property
    def ordered(self) -> bool:
        """Whether every row has a time."""
        return self.times is not None and not np.isnan(self.times).any()

    def labelled(self, labels: np.ndarray) -> Iterator[tuple[int, int, float, int, int]]:
        """Rows (user, item, rating, time, label) by user, a user's in their order here; time 0 where there is none."""
        times = np.zeros(len(self)) if self.times is None else np.nan_to_num(self.times)
        order = np.argsort(self.users, kind="stable")
        columns = (self.users, self.items, self.ratings, times.astype(np.int64), labels)
        return zip(*(column[order].tolist() for column in columns))


class LogBuilder:
    """Makes an `InteractionLog` of rows that come one at a time, in a few bytes each."""

    def __init__(self) -> None:
        self._users, self._items = array("q"), array("q")
        self._ratings, self._times = array("d"), array("d")
        self._user_codes: dict[str, int] = {}
        self._item_codes: dict[str, int] = {}
        self._labels = array("b")
        self._left_out = 0

    def leave_out(self) -> None:
        """Count a row of the source that is not taken."""
        self._left_out += 1

    def add(self, user: str, item: str, rating: float = 1.0, time: float = np.nan, label: int | None = None) -> None:
        """Append one interaction of a user with an item, both by their raw ids; all have a label, or none has."""
        if label is not None:
            self._labels.append(label)
        self._users.append(self._user_codes.setdefault(user, len(self._user_codes)))
        self._items.append(self._item_codes.setdefault(item, len(self._item_codes)))
        self._ratings.append(rating)
        self._times.append(time)

    def build(self) -> InteractionLog:
        """The log of all rows that were added."""
        times = np.array(self._times)
        return InteractionLog(
            np.array(self._users, dtype=np.int64),
            np.array(self._items, dtype=np.int64),
            np.array(self._ratings),
            None if np.isnan(times).all() else times,
            list(self._user_codes),
            list(self._item_codes),
            np.array(self._labels, dtype=np.int8) if self._labels else None,
            len(times) + self._left_out,
        )


def _by_appearance(codes: np.ndarray, ids: list[str]) -> tuple[np.ndarray, list[str]]:
    kept, first, inverse = np.unique(codes, return_index=True, return_inverse=True)
    order = np.argsort(first)
    number = np.empty(len(kept), dtype=np.int64)
    number[order] = np.arange(len(kept))
    return number[inverse], [ids[code] for code in kept[order]]


def without_repeats(log: InteractionLog, faults: Faults) -> InteractionLog:
    """The first row of each user-item pair."""
    _, first = np.unique(log.users * (len(log.item_ids) or 1) + log.items, return_index=True)
    if len(first) == len(log):
        return log
    repeated = np.setdiff1d(np.arange(len(log)), first)
    for row in repeated:
        pair = f"user {log.user_ids[log.users[row]]}, item {log.item_ids[log.items[row]]}"
        faults.add("repeated user-item pair (first kept)", pair)
    return log.select(np.sort(first))


def k_core(log: InteractionLog, k: int, of_items: int | None = None) -> InteractionLog:
    """The largest part of `log` in which every user has at least k rows, and every item as many or `of_items`.

    Raises:
        DataError: nothing is left.
    """
    rows = _core_rows(log, k, of_items or k)
    if len(rows):
        return log.select(rows)
    if of_items not in (None, k):
        raise DataError(
            f"of {len(log):,} rows none is left where every user has {k} and every item {of_items}. Ask for less with "
            "--k-core USERS,ITEMS."
        )
    smaller = {less: len(_core_rows(log, less, less)) for less in range(min(k - 1, MOST_TRIED), 1, -1)}
    kept = [f"--k-core {less} keeps {n:,}" for less, n in smaller.items() if n] + ["--k-core 1 keeps all"]
    raise DataError(
        f"no user and item have {k} interactions among each other: of {len(log):,} rows the {k}-core keeps none. "
        f"{', '.join(kept)}. Ask for one of these, or give more data."
    )


def _core_rows(log: InteractionLog, k: int, of_items: int) -> np.ndarray:
    """Positions of the rows of the k-core, none if it is empty."""
    rows = np.arange(len(log))
    while len(rows):
        users, items = log.users[rows], log.items[rows]
        keep = (np.bincount(users)[users] >= k) & (np.bincount(items)[items] >= of_items)
        if keep.all():
            break
        rows = rows[keep]
    return rows
