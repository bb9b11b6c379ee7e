"""Which column of the interactions names the items: the one that the table of items knows, not the likeliest name."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from pathlib import Path

from .faults import Faults
from .items_table import id_sets
from .tables.columns import folded, guesses, value_of
from .tables.rows import Table, open_table
from .tables.several import dividing_ids, ids_in
from .tables.values import whole_ids

CLEARLY = 0.05  # share of ids by which another pair of columns must be better than the likeliest by name
LEAST = 0.5  # share of ids that columns of any name must share to be taken for ids


def joining_columns(
    interactions: Path, items: Path, named: tuple[str | None, str | None], names: tuple[Sequence[str] | None, ...]
) -> tuple[str | None, str | None, str]:
    """The columns of item ids in the interactions and in the items, None where names decide, and a word on others.

    Args:
        named: the columns that the user named, or None.
        names: of the columns of files without a header.

    Raises:
        As `open_table`.
    """
    left, right = (open_table(path, Faults(), given) for path, given in zip((interactions, items), names))
    ours, sure = _candidates(left, named[0], "item")
    theirs, sure_too = _candidates(right, named[1], "id")
    if len(ours) == len(theirs) == 1:
        return (*named, "")
    sets = id_sets(items, theirs, names[1])
    shares: dict[tuple[str, str], float] = {}
    for column in ours:
        sign = dividing_ids(left, column)
        found = set(whole_ids(sorted({each for row in left.first for each in ids_in(value_of(row, column), sign)})))
        for other, ids in sets.items():
            shares[column, other] = len(found & ids) / len(found) if found else 0.0
    least = 0.0 if sure and sure_too else LEAST
    ranked = sorted(shares, key=lambda pair: -_same_name(pair)) if not (sure and sure_too) else list(shares)
    best = max(shares.values(), default=0.0)
    if best <= least:
        return (*named, "")
    clearly = LEAST if left.headless else CLEARLY  # places say more than ids that are all small numbers
    chosen = next(pair for pair in ranked if shares[pair] >= best - clearly)
    rest = [f"{ours}={theirs} {share:.0%}" for (ours, theirs), share in shares.items() if (ours, theirs) != chosen]
    word = (
        f"items join by {chosen[0]}={chosen[1]} ({shares[chosen]:.0%} of the ids seen); others: {', '.join(rest[:4])}"
    )
    return (*chosen, word if sure and sure_too and any(shares[pair] > 0 for pair in shares if pair != chosen) else "")


def _same_name(pair: Collection[str]) -> int:
    return int(len({next(iter(folded([name]))) for name in pair}) == 1)


def _candidates(table: Table, named: str | None, meaning: str) -> tuple[list[str], bool]:
    """Columns that may hold the ids, the likeliest first, and whether their names say so."""
    if named is not None:
        return [named], True
    if table.headless:
        return (table.columns[1::-1] if meaning == "item" else table.columns[:1]), True
    likely = guesses(table.columns, meaning)
    if likely:
        return likely, True
    others = {
        name
        for other in ("user", "rating", "time", "label", "title", "image")
        for name in guesses(table.columns, other)
    }
    return [name for name in table.columns if name not in others], False
