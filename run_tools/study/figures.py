"""Pictures of a study's gains: with their intervals, and against what is trained for them."""

from __future__ import annotations

import logging
import textwrap
from pathlib import Path
from typing import Any

from mmrec_host.reporting.cells import Column
from mmrec_host.reporting.values import title

from ..page.blocks import Picture
from .comparisons import ALPHA, Comparison
from .gain_tables import pair_words, place_words
from .report import DatasetReport, StudyReport

log = logging.getLogger(__name__)

WIDTH = 4.6  # inches: on a telephone, where it is scaled down, its letters can still be read
LINE = 0.42  # inches a gain takes
NAME = 26  # characters of a line of a name
MARKERS = "os^vDPX"
LOGARITHMIC = 10  # from this ratio of the largest value to the smallest on, an axis is logarithmic


def draw_figures(report: StudyReport, folder: Path) -> list[Picture]:
    """Write the pictures into the study's folder; none, with a word in the log, where matplotlib is not installed."""
    try:
        import matplotlib
    except ImportError:
        log.info("no pictures: matplotlib is not installed (pip install 'ptmrec[plot]')")
        return []
    # The same numbers make the same file; names may hold dollar signs.
    with matplotlib.rc_context({"svg.hashsalt": "ptmrec", "text.parse_math": False, "font.size": 9}):
        drawn = [_gains(report, folder), _cost(report, folder)]
    return [picture for picture in drawn if picture is not None]


def _gains(report: StudyReport, folder: Path) -> Picture | None:
    """A panel for each data set and ranking, a line for each pair of rows."""
    panels: dict[str, list[Comparison]] = {}
    for dataset in report.datasets:
        for each in dataset.comparisons:
            if each.metric == report.metrics[0] and each.relative is not None:
                panels.setdefault(place_words(dataset, each), []).append(each)
    if not panels:
        return None
    heights = [len(each) + 0.8 for each in panels.values()]
    figure = _figure(LINE * sum(heights) + 0.45 * len(panels) + 0.5)
    plots = figure.subplots(len(panels), sharex=True, squeeze=False, height_ratios=heights)[:, 0]
    for plot, (name, gains) in zip(plots, panels.items()):
        plot.axvline(0, color="0.5", linewidth=0.8)
        for line, each in enumerate(gains):
            base = each.mean / each.relative if each.relative else 1.0
            error = None if each.margin is None else 100 * each.margin / base
            color = ("seagreen" if each.mean > 0 else "firebrick") if each.significant else "0.45"
            fill = "full" if each.significant else "none"
            plot.errorbar(
                100 * (each.relative or 0.0), line, xerr=error, marker="o", color=color, capsize=2, fillstyle=fill
            )
        plot.set_yticks(range(len(gains)), [textwrap.fill(pair_words(each), NAME) for each in gains])
        plot.set_ylim(len(gains) - 0.4, -0.6)
        plot.set_title(textwrap.fill(name, NAME), loc="left", fontsize=9, fontweight="bold")
        plot.spines[["top", "right"]].set_visible(False)
    figure.supxlabel(f"gain in {_metric(report)}, %, with 95 % intervals; filled: p < {ALPHA}", fontsize=9)
    return _saved(figure, folder, "gains.svg", f"gains in {_metric(report)} with 95 % intervals, for each data set")


def _cost(report: StudyReport, folder: Path) -> Picture | None:
    """A point for each compared row and data set: its gain over the first row that it is compared with."""
    points = [
        (dataset, each, _trained(dataset, each)) for dataset in report.datasets for each in _firsts(report, dataset)
    ]
    known = [(dataset, each, trained) for dataset, each, trained in points if trained is not None]
    if len(known) < 2:
        return None
    names = list(dict.fromkeys(pair_words(each) for _, each, _ in known))
    sets = list(dict.fromkeys(dataset.name for dataset, _, _ in known))
    figure = _figure(3.0 + 0.2 * (len(names) + len(sets)))
    plot = figure.subplots()
    plot.axhline(0, color="0.5", linewidth=0.8)
    for dataset, each, trained in known:
        color, marker = f"C{names.index(pair_words(each)) % 10}", MARKERS[sets.index(dataset.name) % len(MARKERS)]
        plot.plot(trained, 100 * (each.relative or 0.0), color=color, marker=marker, linestyle="none")
    for number, name in enumerate(names):
        plot.plot([], [], color=f"C{number % 10}", linewidth=4, label=textwrap.shorten(name, 2 * NAME))
    for number, name in enumerate(sets):
        plot.plot([], [], color="0.3", marker=MARKERS[number % len(MARKERS)], linestyle="none", label=name)
    counts = [trained for _, _, trained in known]
    if max(counts) > LOGARITHMIC * min(counts) > 0:
        plot.set_xscale("log")
    plot.set(xlabel="parameters that are trained", ylabel=f"gain in {_metric(report)}, %")
    plot.spines[["top", "right"]].set_visible(False)
    figure.legend(loc="outside lower center", frameon=False, fontsize=8)
    return _saved(figure, folder, "cost.svg", f"gains in {_metric(report)} against the parameters that are trained")


def _firsts(report: StudyReport, dataset: DatasetReport) -> list[Comparison]:
    wanted = {(row.name, row.pairs[0]) for row in report.rows if row.pairs}
    return [
        each
        for each in dataset.comparisons
        if (each.row, each.against) in wanted and each.metric == report.metrics[0] and not each.ranking
    ]


def _trained(dataset: DatasetReport, comparison: Comparison) -> float | None:
    trained = next(row.trained for row in dataset.rows if row.name == comparison.row)
    return None if trained is None else trained.mean


def _metric(report: StudyReport) -> str:
    return title(Column(report.metrics[0], "metric"))


def _figure(height: float) -> Any:
    from matplotlib.figure import Figure

    return Figure(figsize=(WIDTH, height), layout="constrained", facecolor="white")


def _saved(figure: Any, folder: Path, name: str, shows: str) -> Picture:
    figure.savefig(folder / name, metadata={"Date": None})
    return Picture(name, shows)
