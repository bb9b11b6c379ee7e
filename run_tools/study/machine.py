"""What a report says of settings, versions and the machine."""

from __future__ import annotations

from mmrec_host.config import UNLABELLED
from mmrec_host.reporting.cells import Cell, Column, Table
from mmrec_host.yaml_values import flow

from ..page.blocks import Block, Code, Paragraph
from .report import StudyReport


def settings_blocks(report: StudyReport) -> list[Block]:
    """The command; the rows' keys; and the keys of which a row has different values on different data sets."""
    rows = [[Cell(row.name), Cell(row.model), Cell(_words(row.keys) or "defaults")] for row in report.rows]
    of_all = f"Keys of all runs: {_words(report.keys)}. " if report.keys else ""
    own = [f"{entry.name}: {_words(entry.keys)}" for entry in report.entries if entry.keys]
    of_sets = f"Keys of data sets: {'; '.join(own)}. " if own else ""
    blocks: list[Block] = [
        Code(report.command),
        Table("Rows.", [Column(name, "text") for name in ("", "model", "keys")], rows),
        Paragraph(f"{of_all}{of_sets}Every other key has its default; report.json has them all."),
    ]
    if differing := _differing(report):
        blocks.append(differing)
    return blocks


def _differing(report: StudyReport) -> Table | None:
    """Values that YAML files give for one data set, or that data sets were given."""
    sets = [dataset for dataset in report.datasets if dataset.settings]
    rows = []
    for row in report.rows:
        configs = [dataset.settings[row.name] for dataset in sets]
        for key in sorted(set().union(*configs) - UNLABELLED - {"dataset"}):
            values = [flow(config.get(key)) for config in configs]
            if len(set(values)) > 1:
                rows.append([Cell(row.name), Cell(key), *map(Cell, values)])
    head = [Column("row", "text"), Column("key", "text"), *(Column(dataset.name, "text") for dataset in sets)]
    return Table("Keys whose values differ between data sets.", head, rows) if rows else None


def versions_blocks(report: StudyReport) -> list[Block]:
    """What the runs ran on, and how long they took together."""
    said = [f"{name} {', '.join(map(str, values))}" for name, values in report.environment.items()]
    seconds = sum(
        sum(row.seconds.seeds.values())
        for dataset in report.datasets
        for row in dataset.rows
        if row.seconds is not None
    )
    return [
        Paragraph("; ".join(said) + "."),
        Paragraph(f"The runs took {seconds / 3600:.1f} hours together. Report of {report.made} by {report.version}."),
    ]


def _words(keys: object) -> str:
    return " ".join(f"{key}={flow(value)}" for key, value in keys.items()) if isinstance(keys, dict) else ""
