"""Tables of what rows gain over others."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from mmrec_host.reporting.cells import DAGGER, Cell, Column, Table
from mmrec_host.reporting.values import NONE, title

from .comparisons import Comparison
from .report import DatasetReport, StudyReport
from .results import ranking_words

HEAD = ["difference", "%", "95 % interval", "seeds up", "p"]


def gains_table(report: StudyReport) -> Table:
    """All comparisons by the study's first metric."""
    rows = []
    for dataset in report.datasets:
        for each in dataset.comparisons:
            if each.metric == report.metrics[0]:
                rows.append([place_words(dataset, each), pair_words(each), *_numbers(each)])
    return _table(f"Gains in {_title(report.metrics[0])}.", ["data set", "rows", *HEAD], rows)


def average_table(report: StudyReport) -> Table | None:
    """Relative gains by the first metric, on average over data sets; None with fewer than two.

    Data sets are those of the ordinary protocol: where items are new or cold, another thing is measured.
    """
    gains: dict[str, list[float]] = {}
    for dataset in report.datasets:
        if not {"new_items", "cold_items"} & dataset.protocol.keys():
            for each in dataset.comparisons:
                if each.metric == report.metrics[0] and not each.ranking and each.relative is not None:
                    gains.setdefault(pair_words(each), []).append(each.relative)
    rows = [
        [
            pair,
            _percent(float(np.mean(values))),
            f"{_percent(min(values))} to {_percent(max(values))}",
            str(len(values)),
        ]
        for pair, values in gains.items()
    ]
    if max((len(values) for values in gains.values()), default=0) < 2:
        return None
    caption = f"Relative gains in {_title(report.metrics[0])} on average over data sets, without new items."
    return _table(caption, ["rows", "mean %", "from, to %", "data sets"], rows)


def comparisons_table(dataset: DatasetReport, ranking: str) -> Table:
    """The comparisons on one data set, by every metric."""
    chosen = [each for each in dataset.comparisons if each.ranking == ranking]
    rows = [[pair_words(each), _title(each.metric), *_numbers(each)] for each in chosen]
    return _table(f"Paired differences, tested over {_users(chosen)} users.", ["rows", "metric", *HEAD], rows)


def shares_table(dataset: DatasetReport, ranking: str) -> Table:
    """What of the gains the controls have too, and what is the rows' own."""
    rows = []
    for each in dataset.shares:
        if each.ranking == ranking:
            share = NONE if each.share is None else f"{100 * each.share:.0f} %"
            numbers = [_signed(each.gain), _signed(each.control_gain), share, _signed(each.own.mean), _p(each.own)]
            rows.append([f"{each.row} − {each.against}", each.control, _title(each.metric), *numbers])
    head = ["gain of", "control", "metric", "gain", "control's gain", "share", "row − control", "p"]
    return _table("What of the gain the control has too, and what is left for what the control lacks.", head, rows)


def popularity_table(report: StudyReport, dataset: DatasetReport) -> Table:
    """Gains among the test interactions of items of like popularity."""
    rows = []
    for gain in dataset.popularity:
        for group in gain.groups:
            taken = f"{group.name} ({group.fewest} to {group.most} times)"
            shares = [f"{group.other_share:.4f}", f"{group.share:.4f}"]
            difference = [_signed(group.difference), _interval(group.difference, group.margin)]
            pair = f"{gain.row} − {gain.against}"
            rows.append([pair, taken, *shares, *difference, f"{group.n_pairs:,.0f}"])
    return _table(
        "By how often the item was taken in training, about a third of the test interactions each: the share whose item "
        f"is among the first {report.popularity_k}. Each interval is for itself; none of it is tested.",
        ["rows", "items", "the other", "the row", "difference", "95 % interval", "interactions"],
        rows,
    )


def pair_words(comparison: Comparison) -> str:
    """Which rows."""
    return f"{comparison.row} − {comparison.against}"


def place_words(dataset: DatasetReport, comparison: Comparison) -> str:
    """Which data set, and which ranking if it is not the ordinary one."""
    return dataset.name + (f": {ranking_words(comparison.ranking)}" if comparison.ranking else "")


def _numbers(each: Comparison) -> list[str]:
    spread = "" if each.std is None else f" ± {each.std:.4f}"
    return [
        _signed(each.mean) + spread,
        NONE if each.relative is None else _percent(each.relative),
        _interval(each.mean, each.margin),
        f"{each.up}/{len(each.differences)}",
        _p(each),
    ]


def _p(each: Comparison) -> str:
    if each.p is None:
        return NONE
    return (f"{each.p:.2g}" if each.p >= 1e-16 else "<1e-16") + (DAGGER if each.significant else "")


def _interval(mean: float, margin: float | None) -> str:
    return NONE if margin is None else f"{_signed(mean - margin)} to {_signed(mean + margin)}"


def _signed(value: float) -> str:
    return f"{value:+.4f}".replace("-", "−")


def _percent(value: float) -> str:
    return f"{100 * value:+.1f}".replace("-", "−")


def _title(metric: str) -> str:
    return title(Column(metric, "metric"))


def _users(chosen: Sequence[Comparison]) -> str:
    counts = sorted({each.n_users for each in chosen if each.n_users})
    return " to ".join(f"{n:,}" for n in dict.fromkeys([counts[0], counts[-1]])) if counts else "no"


def _table(caption: str, head: list[str], rows: list[list[str]]) -> Table:
    return Table(caption, [Column(name, "text") for name in head], [[Cell(text) for text in row] for row in rows])
