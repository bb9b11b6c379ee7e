"""How the titles and values of a table read."""

from __future__ import annotations

from ..printable import printable
from .cells import DAGGER, Cell, Column

TITLES = {"model": "Model", "seeds": "Seeds", "trainable": "Trainable", "time": "Time"}
METRICS = {"ndcg": "NDCG", "map": "MAP", "mrr": "MRR", "aplt": "APLT", "aclt": "ACLT"}
NONE = "–"


def title(column: Column) -> str:
    """What stands at the head of the column."""
    if column.kind == "metric":
        ranking, _, metric = column.name.rpartition("/")
        name, at, k = metric.partition("@")
        titled = (METRICS.get(name.lower()) or name.capitalize().replace("_", " ")) + at + k
        return f"{ranking.capitalize()}: {titled}" if ranking else titled
    return TITLES.get(column.name, column.name)


def mark(cell: Cell, best: str = "") -> str:
    """What stands behind the value: `best` if it is that, a dagger if it is significant."""
    return (best if cell.best else "") + (DAGGER if cell.significant else "")


def plain(cell: Cell, column: Column) -> str:
    """The value, without marks, in one line."""
    if cell.value is None:
        return NONE
    if column.kind == "metric":
        return f"{cell.value:.4f}" + (f" ± {cell.spread:.4f}" if cell.spread is not None else "")
    if column.kind == "parameters":
        return _count(cell.value)
    if column.kind == "seconds":
        return _duration(cell.value)
    if column.kind == "number":
        return f"{cell.value:.0f}" if cell.value == int(cell.value) else f"{cell.value:.4g}"
    return printable(" ".join(str(cell.value).split()))


def _count(n: int) -> str:
    """1234567 as 1.23 M."""
    for size, unit in ((10**9, "G"), (10**6, "M"), (10**3, "k")):
        if n >= size:
            return f"{n / size:.3g} {unit}"
    return str(n)


def _duration(seconds: float) -> str:
    """Two units at most: 9.5 s, 75 s as 1 m 15 s, 3700 s as 1 h 2 m."""
    if seconds < 60:
        return f"{seconds:.1f} s"
    minutes = round(seconds / 60)
    if minutes < 60:
        return f"{int(seconds) // 60} m {int(seconds) % 60} s"
    return f"{minutes // 60} h {minutes % 60} m"
