"""What a table is made of, before it is printed."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

DAGGER = "†"  # behind a best value that is significantly better than the second


@dataclass(frozen=True)
class Column:
    """`kind` says how values are printed: text, number, metric, parameters (a count) or seconds."""

    name: str
    kind: str


@dataclass(frozen=True)
class Cell:
    """A value as computed, not rounded; None where there is none.

    Attributes:
        spread: standard deviation over seeds (n - 1 in the denominator); None for a single seed.
        best: it is the largest of its column.
        significant: ... and significantly larger than the second.
    """

    value: Any
    spread: float | None = None
    best: bool = False
    significant: bool = False


@dataclass
class Table:
    """Cells under a caption, with notes; `render` prints it.

    Attributes:
        columns: the first one names the rows.
        costs: what the same rows cost, under the same names; printed on request.
    """

    caption: str
    columns: list[Column]
    rows: list[list[Cell]]
    notes: list[str] = field(default_factory=list)
    costs: Table | None = None

    def flat(self) -> Table:
        """One table with the columns of `costs` behind its own."""
        if self.costs is None:
            return self
        rows = [[*row, *more[1:]] for row, more in zip(self.rows, self.costs.rows, strict=True)]
        return Table(self.caption, [*self.columns, *self.costs.columns[1:]], rows, self.notes)
