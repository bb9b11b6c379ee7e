"""The table of list metrics over finished runs: a row a model, as in the results table."""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from mmrec_host.data.features import Features
from mmrec_host.errors import DataError, UserError
from mmrec_host.evaluation.significance import UserValues, paired_test
from mmrec_host.progress_bar import progress_bar
from mmrec_host.reporting.cells import DAGGER, Cell, Column, Table
from mmrec_host.reporting.rows import Row, by_protocol, rows_of
from mmrec_host.runs.finished_run import open_run
from mmrec_host.runs.record import RunRecord

from .measure import measure, unit_features
from .metrics import LIST_METRICS

ALPHA = 0.05


def beyond_accuracy(
    runs: Sequence[RunRecord],
    metrics: Sequence[str],
    ks: Sequence[int],
    category_field: str | None = None,
    **replaced: Any,
) -> list[Table]:
    """A table for each protocol among the finished runs; empty without any.

    Args:
        runs: of one dataset.
        metrics: names in LIST_METRICS; columns of what is not known (categories, features) are left out with a note.
        ks: lengths of the lists.
        category_field: key of items.jsonl.
        replaced: keys of the machine at hand, as in `open_run`.

    Raises:
        ConfigError: an unknown metric, or a key of items.jsonl that no line has.
    """
    for name in metrics:
        LIST_METRICS.get(name)
    return [_table(rows_of(group), metrics, ks, category_field, replaced) for group in by_protocol(runs)]


def _table(rows: list[Row], metrics: Sequence[str], ks: Sequence[int], field: str | None, replaced: Any) -> Table:
    names = [f"{metric}@{k}" for metric in metrics for k in ks]
    notes: list[str] = []
    features = _shared_features(rows, replaced)
    measured: list[list[dict[str, Any]]] = []  # of each row, of each seed
    kept: list[Row] = []
    with progress_bar("lists", "run", sum(len(row.runs) for row in rows), shown=replaced.get("progress", True)) as bar:
        for row in rows:
            try:
                seeds = []
                for run in row.runs:
                    seeds.append(measure(open_run(run.path, **replaced), metrics, ks, features, field))
                    bar.update()
            except UserError as error:
                notes.append(f"{row.label} is left out: {error}")
            else:
                measured.append(seeds)
                kept.append(row)
    if not kept:
        raise DataError("no run can be looked at:\n" + "\n".join(notes))
    columns = [name for name in names if any(name in seed for row in measured for seed in row)]
    if left := [name for name in names if name not in columns]:
        notes.append(f"Not known here, without categories or features, or for lists of one: {', '.join(left)}.")
    cells = {name: [_cell(seeds, name) for seeds in measured] for name in columns}
    for name, column in cells.items():
        order = _best_first(name, column)
        if len(order) > 1:
            tested = _significant(name, order[:2], measured)
            column[order[0]] = replace(column[order[0]], best=True, significant=tested)
    info = kept[0].runs[0].info
    seeds = sorted({run.info["seed"] for row in kept for run in row.runs})
    caption = (
        f"{info['dataset']}, lists on the test split, beyond accuracy; seed{'s' if len(seeds) > 1 else ''} "
        f"{', '.join(map(str, seeds))}."
    )
    head = [Column("model", "text"), *(Column(name, "metric") for name in columns)]
    body = [[Cell(row.label), *(cells[name][i] for name in columns)] for i, row in enumerate(kept)]
    smaller = [name for name in columns if _smaller_is_better(name)]
    if smaller:
        notes.append(f"Smaller counts as better: {', '.join(smaller)}. A random ranking is best by many of these.")
    if any(cell.significant for column in cells.values() for cell in column):
        notes.append(
            f"{DAGGER}: significantly better than the second, p < {ALPHA} in both a paired t-test and a Wilcoxon "
            "signed-rank test over users with their means over seeds, not corrected for the number of columns. What is "
            "of all lists together (coverage, gini, entropy) is not tested."
        )
    return Table(caption, head, body, notes)


def _shared_features(rows: Sequence[Row], replaced: Any) -> np.ndarray | None:
    """Features of the first run that can be opened and has some, for all rows: diversity compares only in the same."""
    for run in (run for row in rows for run in row.runs if run.info["features"] != Features().fingerprint):
        with contextlib.suppress(UserError):  # reported where its lists are measured
            return unit_features(open_run(run.path, **replaced))
    return None


def _cell(seeds: Sequence[dict[str, Any]], name: str) -> Cell:
    values = [float(np.nanmean(seed[name])) for seed in seeds if name in seed]
    if not values:
        return Cell(None)
    return Cell(float(np.mean(values)), float(np.std(values, ddof=1)) if len(values) > 1 else None)


def _smaller_is_better(name: str) -> bool:
    return getattr(LIST_METRICS.get(name.partition("@")[0]), "smaller_is_better", False)


def _best_first(name: str, column: Sequence[Cell]) -> list[int]:
    sign = 1 if _smaller_is_better(name) else -1
    return sorted((i for i, cell in enumerate(column) if cell.value is not None), key=lambda i: sign * column[i].value)


def _significant(name: str, rows: Sequence[int], measured: Sequence[Sequence[dict[str, Any]]]) -> bool:
    """Whether the first of two rows is significantly better than the second; not where users have no values."""
    sides = []
    for row in rows:
        if not all(isinstance(seed[name], np.ndarray) for seed in measured[row]):
            return False
        known = [{"users": s["users"][~np.isnan(s[name])], name: s[name][~np.isnan(s[name])]} for s in measured[row]]
        sides.append(UserValues.over_seeds(known, [name]))
    better, other = sides[::-1] if _smaller_is_better(name) else sides
    if not np.array_equal(better.users, other.users):
        return False
    test = paired_test(better.values[name], other.values[name])
    return max(test.t_test, test.wilcoxon) < ALPHA
