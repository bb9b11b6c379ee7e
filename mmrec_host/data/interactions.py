"""Reading a `.inter` file in MMRec's layout, with checks that name file, line and column."""

from __future__ import annotations

import hashlib
import logging
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ..errors import DataError

log = logging.getLogger(__name__)
LABELS = {0: "train", 1: "valid", 2: "test"}


@dataclass(frozen=True)
class Interactions:
    """Rows of user-item pairs, in file order.

    Attributes:
        users, items: int64 [n_rows], ids from 0.
        labels: int8 [n_rows], 0 train, 1 valid, 2 test.
    """

    users: np.ndarray
    items: np.ndarray
    labels: np.ndarray
    n_users: int
    n_items: int

    def rows(self, label: int) -> tuple[np.ndarray, np.ndarray]:
        """Users and items of the rows with a label."""
        chosen = self.labels == label
        return self.users[chosen], self.items[chosen]

    def digest(self) -> str:
        """Of all rows: the same for every draw of new or cold items."""
        sha = hashlib.sha256()
        for array in (self.users, self.items, self.labels):
            sha.update(array.tobytes())
        return sha.hexdigest()[:16]


def read_interactions(path: Path, config: Any) -> Interactions:
    """Read `path`, a text file with a header line; the column names and the separator are configuration keys.

    A pair that occurs twice is kept, as in MMRec (`duplicates: keep`), dropped but for its first row (`drop`), or an
    error (`error`).

    Raises:
        DataError: a missing file or column, a value that is no id or label, an id out of range, an empty split.
    """
    fields = [config["USER_ID_FIELD"], config["ITEM_ID_FIELD"], config["inter_splitting_label"]]
    separator = config["field_separator"]
    if len(set(fields)) < len(fields):
        raise DataError(
            f"{path}: USER_ID_FIELD, ITEM_ID_FIELD and inter_splitting_label are {', '.join(fields)}: three columns "
            "are needed, so no two of these keys may name the same one."
        )
    try:
        with path.open(encoding="utf-8") as file:
            header = file.readline().rstrip("\r\n").split(separator)
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(f"{path}: cannot be read: {error}.") from error
    missing = [name for name in fields if name not in header]
    if missing:
        raise DataError(
            f"{path}: line 1 has no column {', '.join(map(repr, missing))}; it has {', '.join(map(repr, header))}. "
            "Name the columns with USER_ID_FIELD, ITEM_ID_FIELD and inter_splitting_label, the separator with "
            "field_separator."
        )
    columns = [header.index(name) for name in fields]
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of an empty file; it is an error below
            rows = np.loadtxt(path, np.int64, delimiter=separator, skiprows=1, usecols=columns, ndmin=2, comments=None)
    except (ValueError, OverflowError) as error:
        raise _first_bad_line(path, separator, fields, columns) from error
    if len(rows) == 0:
        raise DataError(f"{path}: holds no interactions, only a header.")
    _check_ranges(path, fields, rows)
    rows = _handle_duplicates(path, rows, config["duplicates"] or "keep")
    users, items, labels = rows.T
    for label, name in LABELS.items():
        if not (labels == label).any():
            raise DataError(f"{path}: no row has {fields[2]} {label} ({name}); each split needs at least one.")
    n_users, n_items = int(users.max()) + 1, int(items.max()) + 1
    return Interactions(users.copy(), items.copy(), labels.astype(np.int8), n_users, n_items)


def _first_bad_line(path: Path, separator: str, fields: list[str], columns: list[int]) -> DataError:
    with path.open(encoding="utf-8", errors="replace") as file:
        next(file)
        for number, line in enumerate(file, start=2):
            parts = line.rstrip("\r\n").split(separator)
            for name, column in zip(fields, columns):
                value = parts[column] if column < len(parts) else None
                try:
                    if value is None or not -(2**63) <= int(value) < 2**63:
                        raise ValueError
                except ValueError:
                    found = "is missing" if value is None else f"is {value!r}"
                    return DataError(
                        f"{path}, line {number}, column {name!r}: must be a whole number from 0, {found}. Correct or "
                        "remove the line."
                    )
    return DataError(f"{path}: cannot be read as {separator!r}-separated whole numbers.")


def _check_ranges(path: Path, fields: list[str], rows: np.ndarray) -> None:
    # Ids are contiguous in MMRec's files; an id far beyond the number of rows would only allocate empty tables.
    highest = np.array([2 * len(rows) + 1000, 2 * len(rows) + 1000, 2])
    bad = np.argwhere((rows < 0) | (rows > highest))
    if len(bad):
        row, column = bad[0]
        allowed = "0 (train), 1 (valid) or 2 (test)" if column == 2 else f"from 0 to {highest[column]}, contiguous"
        raise DataError(
            f"{path}, line {row + 2}, column {fields[column]!r}: {rows[row, column]} is out of range; allowed are "
            f"{allowed}. {len(bad)} value(s) in all."
        )


def _handle_duplicates(path: Path, rows: np.ndarray, rule: str) -> np.ndarray:
    keys = rows[:, 0] * (int(rows[:, 1].max()) + 1) + rows[:, 1]
    _, first = np.unique(keys, return_index=True)
    n_repeated = len(rows) - len(first)
    if n_repeated == 0:
        return rows
    repeated = np.setdiff1d(np.arange(len(rows)), first)[0]
    found = f"{path}: {n_repeated} repeated user-item pair(s), the first in line {repeated + 2}"
    if rule == "drop":
        log.warning("%s: dropped (duplicates=drop).", found)
        return rows[np.sort(first)]
    if rule == "keep":
        log.warning("%s: kept and counted again, as in MMRec (duplicates=keep; the others are drop and error).", found)
        return rows
    raise DataError(f"{found}. duplicates={rule} allows none; duplicates=keep or duplicates=drop does.")
