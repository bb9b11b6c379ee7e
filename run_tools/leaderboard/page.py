"""The page of a dataset. For each protocol its table, best first, tests, curves, cost, settings and runs."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from mmrec_host.reporting.cells import Cell, Column, Table
from mmrec_host.reporting.rows import Row, by_protocol, rows_of
from mmrec_host.reporting.tables import results_table
from mmrec_host.reporting.values import title
from mmrec_host.runs.record import RunRecord
from mmrec_host.runs.recorded_settings import recorded_settings
from mmrec_host.yaml_values import flow

from ..page.blocks import Block, Bullets, Code, Heading, Paragraph
from ..page.blocks_page import as_html
from .curves import draw_curves
from .differences import differences
from .pictures import cost_picture

LONGEST = 40  # characters of a setting in the table


def write_leaderboard(dataset: str, runs: Sequence[RunRecord]) -> str:
    """The page as HTML; empty if no run has finished.

    Args:
        runs: of the dataset.
    """
    groups = by_protocol(runs)
    if not groups:
        return ""
    tables = results_table(runs)
    with tempfile.TemporaryDirectory() as temporary:
        folder, blocks = Path(temporary), []
        for number, (group, table) in enumerate(zip(groups, tables, strict=True), 1):
            of = f", protocol {number}" if len(tables) > 1 else ""
            blocks += _protocol(rows_of(group), table, folder, of, number)
        return as_html(f"Runs on {dataset}", blocks, folder, f"ptmrec show -d {dataset}")


def _protocol(rows: list[Row], table: Table, folder: Path, of: str, number: int) -> list[Block]:
    metric = rows[0].runs[-1].info["valid_metric"]
    shown = next((c.name for c in table.columns if c.name == metric), None) or next(
        column.name for column in table.columns if column.kind == "metric"
    )
    order = _best_first(table, shown)
    rows = [rows[i] for i in order]
    table = _ordered(table, order)
    blocks: list[Block] = [
        Heading(f"Leaderboard{of}"),
        Paragraph(f"{table.caption} Best first by {title(Column(shown, 'metric'))}."),
        replace(table, caption="Test values; ± is the standard deviation over seeds.", costs=None),
    ]
    if len(rows) > 1:
        blocks += [Heading(f"Differences{of}"), *differences(rows, shown)]
    curves = draw_curves(rows, metric, folder / f"curves{number}.svg")
    blocks += [Heading(f"Learning curves{of}"), *curves] if curves else []
    if table.costs is not None:
        picture = cost_picture(table, shown, folder / f"cost{number}.svg")
        blocks += [Heading(f"Cost{of}"), *picture, table.costs]
    if settings := _settings(rows):
        blocks += [Heading(f"Settings that differ{of}"), settings]
    return [*blocks, Heading(f"Runs{of}"), *_runs(rows)]


def _best_first(table: Table, metric: str) -> list[int]:
    column = [each.name for each in table.columns].index(metric)
    values = [row[column].value for row in table.rows]
    return sorted(range(len(values)), key=lambda i: -values[i] if values[i] is not None else float("inf"))


def _ordered(table: Table, order: Sequence[int]) -> Table:
    costs = table.costs and replace(table.costs, rows=[table.costs.rows[i] for i in order])
    return replace(table, rows=[table.rows[i] for i in order], costs=costs)


def _settings(rows: Sequence[Row]) -> Table | None:
    """A row for each key that several rows' newest runs have and differ in; the model's name is the column's."""
    settings = [recorded_settings(row.runs[-1].path) or {} for row in rows]
    written = {key: [_value(own, key) for own in settings] for key in sorted({key for own in settings for key in own})}
    lines = [
        [Cell(key), *map(Cell, values)]
        for key, values in written.items()
        if key != "model" and len({value for value in values if value is not None}) > 1
    ]
    columns = [Column("key", "text"), *(Column(row.label, "text") for row in rows)]
    return Table("The newest run of each row; –: it has no such key.", columns, lines) if lines else None


def _value(settings: Mapping[str, Any], key: str) -> str | None:
    if key not in settings:
        return None
    text = flow(settings[key])
    return text if len(text) <= LONGEST else f"{text[:LONGEST]}…"


def _runs(rows: Sequence[Row]) -> list[Block]:
    runs = [run for row in rows for run in row.runs]
    lines = [f"{run.info['label']}, seed {run.info['seed']}, {run.info['started'][:10]}: {run.path}" for run in runs]
    how = f"ptmrec show --run {runs[0].path}"
    return [
        Bullets(lines),
        Paragraph("A page on what one of them recommends, or on two side by side (--run twice):"),
        Code(how),
    ]
