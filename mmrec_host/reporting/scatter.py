"""Two columns of a results table against each other, as a picture: what is gained, and what it costs."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from ..errors import ConfigError, DataError
from ..registry import nearest
from .cells import Cell, Table

MARKERS = "os^vD"
LOGARITHMIC = 10  # from this ratio of the largest value to the smallest on, the cost's axis is logarithmic


def draw_scatter(table: Table, axes: Sequence[str], path: Path) -> None:
    """Write a picture with a point a row, at its values in the columns `axes` (cost, gain), named apart.

    Args:
        axes: names of columns of the table or of its costs.

    Raises:
        ConfigError: a column that is not there or holds no numbers; no matplotlib; an unknown picture format.
        DataError: the file cannot be written.
    """
    xs, ys = (_numbers(table.flat(), name) for name in axes)
    points = [(n, x, y) for n, (x, y) in enumerate(zip(xs, ys)) if x.value is not None and y.value is not None]
    try:
        from matplotlib.figure import Figure
    except ImportError as error:
        raise ConfigError("--plot needs matplotlib: pip install 'ptmrec[plot]'.") from error
    names = _short_names([str(row[0].value) for row in table.rows])
    figure = Figure(figsize=(8, 4.5), layout="constrained")
    plot = figure.subplots()
    for turn, (number, x, y) in enumerate(sorted(points, key=lambda point: -point[2].value)):
        plot.errorbar(
            x.value,
            y.value,
            xerr=x.spread,
            yerr=y.spread,
            color=f"C{turn % 10}",
            marker=MARKERS[turn // 10 % len(MARKERS)],
            linestyle="none",
            elinewidth=0.7,
            label=names[number],
        )
    plot.set(xlabel=axes[0], ylabel=axes[1])
    plot.margins(0.1)
    legend = figure.legend(loc="outside right upper", frameon=False, title="highest first")
    for text in legend.get_texts():
        text.set_parse_math(False)
    costs = [x.value for _, x, _ in points]
    if costs and min(costs) > 0 and max(costs) > LOGARITHMIC * min(costs):
        plot.set_xscale("log")
    plot.set_title(table.caption.partition(",")[0], parse_math=False)
    try:
        figure.savefig(path, dpi=120)
    except ValueError as error:  # matplotlib's, for an extension that it does not know
        raise ConfigError(f"--plot {path}: {error}") from error
    except OSError as error:
        raise DataError(f"{path}: cannot be written ({error}).") from error


def _numbers(table: Table, name: str) -> list[Cell]:
    names = [column.name for column in table.columns]
    if name not in names:
        raise ConfigError(f"--axes: the table has no column {name!r}{nearest(name, names)} It has {', '.join(names)}.")
    number = names.index(name)
    cells = [row[number] for row in table.rows]
    if not any(isinstance(cell.value, int | float) for cell in cells):
        raise ConfigError(f"--axes: the column {name!r} holds no numbers.")
    return cells


def _short_names(labels: Sequence[str]) -> list[str]:
    """Labels without the words that all of them share."""
    words = [label.split() for label in labels]
    shared = set(words[0]).intersection(*words) if len(words) > 1 else set()
    return [" ".join(w for w in each if w not in shared) or f"{each[0]} (defaults)" for each in words]
