"""Tables of what rows gain over others."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from mmrec_host.reporting.cells import DAGGER, Cell, Column, Table
from mmrec_host.reporting.values import NONE, title

from .comparisons import Comparison
from .report import DatasetReport, StudyReport
from .results import rankings_of

HEAD = ["difference", "%", "95 % interval", "seeds up", "p"]


def gains_table(report: StudyReport) -> Table:
    """Relative gains by the study's first metric: a line for each pair of rows, a column for each data set.

    The mean is over data sets of the ordinary protocol: where items are new or cold, another thing is measured.
    """
    places: dict[str, None] = {}
    gains: dict[str, dict[str, Comparison]] = {}
    ordinary: set[str] = set()
    for dataset in report.datasets:
        for each in sorted(dataset.comparisons, key=lambda c: rankings_of(dataset.rows).index(c.ranking)):
            if each.metric == report.metrics[0]:
                place = place_words(dataset, each)
                places[place] = None
                gains.setdefault(pair_words(each), {})[place] = each
                if not each.ranking and not {"new_items", "cold_items"} & dataset.protocol.keys():
                    ordinary.add(place)
    rows = []
    for pair, found in gains.items():
        known = [each.relative for place, each in found.items() if place in ordinary and each.relative is not None]
        mean = _percent(float(np.mean(known))) if known else NONE
        rows.append([pair, *(_gain(found.get(place)) for place in places), *([mean] if len(ordinary) > 1 else [])])
    head = ["rows", *places, *([f"mean of {len(ordinary)}"] if len(ordinary) > 1 else [])]
    return _table(f"Gains in {_title(report.metrics[0])}, %.", head, rows)


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
        "By how often the item was taken in training, about a third of the test interactions each: the share whose "
        f"item is among the first {report.popularity_k}. Each interval is for itself; none of it is tested.",
        ["rows", "items", "the other", "the row", "difference", "95 % interval", "interactions"],
        rows,
    )


def pair_words(comparison: Comparison) -> str:
    """Which rows."""
    return f"{comparison.row} − {comparison.against}"


def place_words(dataset: DatasetReport, comparison: Comparison) -> str:
    """Which data set, and which ranking if it is not the ordinary one."""
    return dataset.name + (f": {comparison.ranking}" if comparison.ranking else "")


def _gain(each: Comparison | None) -> str:
    if each is None or each.relative is None:
        return NONE
    return _percent(each.relative) + (DAGGER if each.significant else "")


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
    return _written(f"{value:+.4f}")


def _percent(value: float) -> str:
    return _written(f"{100 * value:+.1f}")


def _written(number: str) -> str:
    """With a true minus, and without one where all digits are 0."""
    return number.replace("-", "−" if number.strip("-0.") else "+")


def _title(metric: str) -> str:
    return title(Column(metric, "metric"))


def _users(chosen: Sequence[Comparison]) -> str:
    counts = sorted({each.n_users for each in chosen if each.n_users})
    return " to ".join(f"{n:,}" for n in dict.fromkeys([counts[0], counts[-1]])) if counts else "no"


def _table(caption: str, head: list[str], rows: list[list[str]]) -> Table:
    return Table(caption, [Column(name, "text") for name in head], [[Cell(text) for text in row] for row in rows])
