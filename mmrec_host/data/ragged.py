"""Rows of different lengths in two flat arrays."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Ragged:
    """`values[indptr[i]:indptr[i + 1]]` is row i.

    Attributes:
        indptr: int64 [n_rows + 1], starts at 0.
        values: int64 [n_values].
    """

    indptr: np.ndarray
    values: np.ndarray

    @classmethod
    def group(cls, keys: np.ndarray, values: np.ndarray, n_rows: int) -> Ragged:
        """Row k holds the values whose key is k, in their order."""
        order = np.argsort(keys, kind="stable")
        indptr = np.zeros(n_rows + 1, np.int64)
        np.cumsum(np.bincount(keys, minlength=n_rows), out=indptr[1:])
        return cls(indptr, values[order].astype(np.int64, copy=False))

    @classmethod
    def empty(cls, n_rows: int) -> Ragged:
        """Rows without a value."""
        return cls(np.zeros(n_rows + 1, np.int64), np.empty(0, np.int64))

    def __len__(self) -> int:
        return len(self.indptr) - 1

    @property
    def lengths(self) -> np.ndarray:
        """Length of each row, int64 [n_rows]."""
        return np.diff(self.indptr)

    def row(self, i: int) -> np.ndarray:
        """The values of row i, int64 [length of the row]."""
        return self.values[self.indptr[i] : self.indptr[i + 1]]

    def slice(self, start: int, stop: int) -> Ragged:
        """The rows from `start` to `stop` - 1."""
        stop = min(stop, len(self))
        first, last = self.indptr[start], self.indptr[stop]
        return Ragged(self.indptr[start : stop + 1] - first, self.values[first:last])

    def take(self, rows: np.ndarray) -> Ragged:
        """The rows with the numbers `rows`, in that order."""
        lengths = self.lengths[rows]
        indptr = np.concatenate([[0], np.cumsum(lengths)])
        inside = np.arange(indptr[-1]) - np.repeat(indptr[:-1], lengths)
        return Ragged(indptr, self.values[np.repeat(self.indptr[rows], lengths) + inside])

    def row_ids(self) -> np.ndarray:
        """Number of the row of each value, int64 [n_values]."""
        return np.repeat(np.arange(len(self)), self.lengths)
