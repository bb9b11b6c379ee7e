"""Results tables from run records: a row a model, mean and standard deviation over seeds, significance."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from ..data.new_items import NEW, NEW_IN_ALL
from ..errors import ConfigError
from ..registry import nearest
from ..runs.record import RunRecord
from .cells import Cell, Column, Table
from .marks import significantly_best
from .notes import notes_on
from .rows import Row, by_protocol, rows_of

DEFAULT_METRICS = ("recall@10", "recall@20", "ndcg@10", "ndcg@20")
USUAL = {"recall", "ndcg", "precision", "map"}  # what the key `metrics` has where nobody asks for others
VALIDATION = "valid "  # so begin the columns of a model's own that are results, on the validation split


def results_table(runs: Sequence[RunRecord], metrics: Sequence[str] | None = None) -> list[Table]:
    """One table for each protocol among the finished runs, in order of its first run; empty if no run has finished.

    A label's row holds the runs under its newest settings, the newest of each seed.

    Args:
        runs: of one dataset; labels stand in the order in which they first appear.
        metrics: columns, in any case; by default Recall and NDCG at 10 and 20 of each ranking, or all if the runs have
            none of these, or were asked for others than the usual ones.

    Raises:
        ConfigError: no run has a metric of that name.
    """
    finished = [run for run in runs if run.info["status"] == "finished"]
    names = _chosen_metrics(finished, metrics) if finished else []
    tables = [_table(group, names) for group in by_protocol(finished)]
    unfinished = Counter(run.info["status"] for run in runs if run.info["status"] != "finished")
    if tables and unfinished:
        counts = ", ".join(f"{n} {status}" for status, n in sorted(unfinished.items()))
        tables[0].notes.append(f"Left out: runs that have not finished ({counts}).")
    return tables


def _chosen_metrics(runs: Sequence[RunRecord], metrics: Sequence[str] | None) -> list[str]:
    known = list(dict.fromkeys(name for run in runs for name in run.info["test"]))
    if metrics is None:
        kinds = {name.rpartition("/")[2].partition("@")[0] for name in known}
        if kinds - USUAL:
            return known
        return [name for name in known if name.rpartition("/")[2] in DEFAULT_METRICS] or known
    for name in metrics:
        if name.lower() not in known:
            raise ConfigError(
                f"no run has the metric {name!r}{nearest(name, known)} Known: {', '.join(known)}. Metrics are computed "
                "when a model is run, as the keys metrics and topk say."
            )
    return list(dict.fromkeys(name.lower() for name in metrics))


def _table(runs: Sequence[RunRecord], metrics: Sequence[str]) -> Table:
    rows = rows_of(runs)
    cells = {name: [_mean([run.info["test"].get(name) for run in row.runs]) for row in rows] for name in metrics}
    means = {name: [cell.value for cell in column] for name, column in cells.items()}
    marked, notes = significantly_best([row.runs for row in rows], means)
    notes = [*_meanings(rows), *_rankings(metrics), *notes]
    names = {Column("model", "text"): [Cell(row.label) for row in rows]}
    own = _own_columns(rows)
    results = {
        Column("seeds", "number"): [Cell(len(row.runs)) for row in rows],
        **{Column(name, "metric"): _mark_best(column, name in marked) for name, column in cells.items()},
        **{column: cells for column, cells in own.items() if column.name.startswith(VALIDATION)},
    }
    costs = {
        Column("trainable", "parameters"): [Cell(row.runs[-1].info["parameters"].get("trainable")) for row in rows],
        Column("time", "seconds"): [_mean([run.info["seconds"].get("total") for run in row.runs]) for row in rows],
        Column("peak MB", "number"): [_mean([_peak(run) for run in row.runs]) for row in rows],
        **{column: cells for column, cells in own.items() if column not in results},
    }
    notes += notes_on(rows)
    dropped = len(runs) - sum(len(row.runs) for row in rows)
    if dropped:
        notes.append(f"Left out: older runs, under other settings of the same name or of the same seed ({dropped}).")
    return Table(
        _caption(rows, metrics),
        *_transposed(names | results),
        notes,
        Table(_cost_caption(rows), *_transposed(names | costs)),
    )


def _meanings(rows: Sequence[Row]) -> list[str]:
    """What rows of one model do, if it is not the same."""
    said: dict[str, dict[str, str]] = {}
    for row in rows:
        info = row.runs[-1].info
        if info.get("meaning"):
            said.setdefault(info.get("model", ""), {}).setdefault(info["meaning"], row.label)
    return [f"{label}: {words}." for own in said.values() if len(own) > 1 for words, label in own.items()]


def _rankings(metrics: Sequence[str]) -> list[str]:
    """What is ranked in the columns of new items."""
    words = {NEW: "items without a training interaction, among themselves", NEW_IN_ALL: "these among all items"}
    names = {metric.rpartition("/")[0] for metric in metrics}
    said = [f"{name.capitalize()}, {words[name]}" for name in words if name in names]
    return [f"Columns: {'; '.join(said)}; without a name, the other items."] if said else []


def _own_columns(rows: Sequence[Row]) -> dict[Column, list[Cell]]:
    """What the models say of themselves."""
    names = dict.fromkeys(name for row in rows for run in row.runs for name in run.info.get("columns", {}))
    columns = {}
    for name in names:
        cells = [_summary([run.info.get("columns", {}).get(name) for run in row.runs]) for row in rows]
        columns[Column(name, _kind(cells))] = cells
    return columns


def _transposed(columns: dict[Column, list[Cell]]) -> tuple[list[Column], list[list[Cell]]]:
    return list(columns), [list(row) for row in zip(*columns.values(), strict=True)]


def _peak(run: RunRecord) -> float | None:
    """Largest memory of a run: the GPU's where it ran on one, else the process's."""
    peak = run.info.get("peak_cuda_memory_mb", run.info.get("peak_memory_mb"))
    return None if peak is None else round(peak)


def _mean(values: Sequence[float | None]) -> Cell:
    known = [value for value in values if value is not None]
    if not known:
        return Cell(None)
    return Cell(float(np.mean(known)), float(np.std(known, ddof=1)) if len(known) > 1 else None)


def _summary(values: Sequence[Any]) -> Cell:
    """A plugin's column over seeds: the mean of numbers, else the distinct texts."""
    known = [value for value in values if value is not None]
    if known and all(isinstance(value, int | float) and not isinstance(value, bool) for value in known):
        return _mean(known)
    return Cell(", ".join(dict.fromkeys(map(str, known))) or None)


def _kind(column: Sequence[Cell]) -> str:
    return "text" if any(isinstance(cell.value, str) for cell in column) else "number"


def _mark_best(column: Sequence[Cell], significant: bool) -> list[Cell]:
    known = [cell.value for cell in column if cell.value is not None]
    if len(known) < 2:
        return list(column)
    return [replace(cell, best=True, significant=significant) if cell.value == max(known) else cell for cell in column]


def _cost_caption(rows: Sequence[Row]) -> str:
    several = ", means over seeds" if any(len(row.runs) > 1 for row in rows) else ""
    return f"{rows[0].runs[0].info['dataset']}, what the same rows cost{several}."


def _caption(rows: Sequence[Row], metrics: Sequence[str]) -> str:
    info = rows[0].runs[0].info
    protocol = ", ".join(f"{k}={v}" for k, v in info["protocol"].items() if k != "dataset")
    seeds = sorted({run.info["seed"] for row in rows for run in row.runs})
    several = " mean ± standard deviation over seeds;" if len(seeds) > 1 else ""
    return (
        f"{info['dataset']}, test split ({protocol or 'protocol not recorded'}): {', '.join(metrics)};{several} "
        f"seed{'s' if len(seeds) > 1 else ''} {', '.join(map(str, seeds))}."
    )
