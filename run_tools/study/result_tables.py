"""Tables of what the rows came to, and of what they cost."""

from __future__ import annotations

from dataclasses import replace

from mmrec_host.reporting.cells import Cell, Column, Table

from .report import DatasetReport, StudyReport
from .results import RowResult, Value, key_of


def results_table(report: StudyReport, dataset: DatasetReport, ranking: str) -> Table:
    """A row a model, a column a metric of one ranking; the best value of each is marked."""
    keys = [key for metric in report.metrics if any((key := key_of(ranking, metric)) in r.values for r in dataset.rows)]
    columns = [[_cell(row.values.get(key)) for row in dataset.rows] for key in keys]
    best = [max((cell.value for cell in column if cell.value is not None), default=None) for column in columns]
    marked = [
        [replace(c, best=len(column) > 1 and c.value == top) for c in column] for column, top in zip(columns, best)
    ]
    names = [Cell(row.name) for row in dataset.rows], [Cell(len(row.seeds)) for row in dataset.rows]
    head = [Column("", "text"), Column("seeds", "number"), *(Column(key.rpartition("/")[2], "metric") for key in keys)]
    rows = [list(row) for row in zip(*names, *marked)]
    return Table("Test values, means ± standard deviations over seeds; the best is bold.", head, rows)


def cost_table(dataset: DatasetReport) -> Table:
    """What a run of each row costs, and what its model says of itself."""
    own = list(dict.fromkeys(name for row in dataset.rows for name in row.columns))
    kinds = [
        "text" if any(isinstance(row.columns.get(name), str) for row in dataset.rows) else "number" for name in own
    ]
    head = [
        Column("", "text"),
        Column("time", "seconds"),
        Column("trained", "parameters"),
        Column("peak MB", "number"),
        *(Column(name, kind) for name, kind in zip(own, kinds)),
    ]
    rows = [[Cell(row.name), *_costs(row), *(Cell(row.columns.get(name)) for name in own)] for row in dataset.rows]
    return Table(
        "What a run costs, means over seeds. Time is the run's own, with a first stage that it took over from another "
        "run, without teachers that other rows had trained already.",
        head,
        rows,
    )


def _costs(row: RowResult) -> list[Cell]:
    return [
        Cell(None if row.seconds is None else row.seconds.mean),
        Cell(None if row.trained is None else round(row.trained.mean)),
        Cell(None if row.peak_mb is None else round(row.peak_mb.mean)),
    ]


def _cell(value: Value | None) -> Cell:
    return Cell(None) if value is None else Cell(value.mean, value.std)
