"""All numbers of a study's report, from the records of its finished runs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from mmrec_host.config import MACHINE_KEYS
from mmrec_host.errors import DataError
from mmrec_host.progress_bar import progress_bar
from mmrec_host.runs.record import RunRecord, plain
from mmrec_host.version import DISTRIBUTION, __version__

from .cells import Cell, Place
from .comparisons import Comparison, Share, UserMetrics, adjusted, compare, shares_of
from .places import TestPlaces, places_of
from .popularity import PopularityGroup, popularity_groups
from .results import RowResult, row_result
from .standing import finished
from .study_file import DataEntry, Row, Study

OF_THE_MACHINE = ("data_path", "cache_path", "device", "threads", "progress")


@dataclass(frozen=True)
class MissingCell:
    """A cell that has not finished: `not begun`, or the status of its run and what it failed with."""

    row: str
    seed: int
    status: str


@dataclass(frozen=True)
class PopularityGain:
    """A row's gains over another by popularity."""

    row: str
    against: str
    groups: list[PopularityGroup]


@dataclass(frozen=True)
class DatasetReport:
    """What came out on one data set.

    Attributes:
        protocol: of its runs; empty if none has finished.
        settings: row -> its resolved configuration, without keys that say where it ran.
        rows: of which a run has finished.
    """

    name: str
    dataset: str
    protocol: dict[str, Any]
    settings: dict[str, dict[str, Any]]
    missing: list[MissingCell]
    rows: list[RowResult]
    comparisons: list[Comparison]
    shares: list[Share]
    popularity: list[PopularityGain]
    notes: list[str]


@dataclass(frozen=True)
class StudyReport:
    """What `report.json` holds, and the report is written from.

    Attributes:
        seeds: of the cells.
        n_cells: in all, finished or not.
        popularity_k: length of the rankings in gains by popularity.
        n_tests: comparisons that Holm's method adjusts for.
        keys: of all runs, as the study's file and the command line say.
        environment: what the runs ran on: the distinct values of each thing.
    """

    name: str
    about: str
    command: str
    made: str
    version: str
    metrics: list[str]
    seeds: list[int]
    n_cells: int
    rows: list[Row]
    keys: dict[str, Any]
    entries: list[DataEntry]
    popularity_k: int
    n_tests: int
    environment: dict[str, list[Any]]
    datasets: list[DatasetReport]

    @property
    def n_missing(self) -> int:
        """Cells that have not finished."""
        return sum(len(each.missing) for each in self.datasets)


def make_report(
    study: Study,
    cells: Sequence[Cell],
    records: Mapping[Place, RunRecord],
    folder: Path,
    command: str,
    keys: Mapping[str, Any],
    shown: bool,
) -> StudyReport:
    """The numbers of a study.

    Args:
        records: of its cells, as `begun` gives them.
        folder: where places are kept; those that are not there yet are ranked now.
        command: that makes the study.
        keys: of all runs.
        shown: whether to show a bar where stderr is a terminal.

    Raises:
        DataError: no cell has finished.
    """
    done = finished(records)
    if not done:
        raise DataError(f"study {study.name}: none of its {len(cells)} cells has finished, so there is no report.")
    k = int(study.metrics[0].partition("@")[2])
    kept = _all_places(study, cells, done, folder, shown)
    datasets = [
        _dataset(study, entry, [c for c in cells if c.entry == entry], records, kept, k) for entry in study.entries
    ]
    every = iter(adjusted([each for dataset in datasets for each in dataset.comparisons]))
    tested = [[next(every) for _ in dataset.comparisons] for dataset in datasets]
    datasets = [
        replace(dataset, comparisons=own, shares=_shares(study, dataset, own)) for dataset, own in zip(datasets, tested)
    ]
    environments = [run.info["environment"] for run in done.values() if "environment" in run.info]
    return StudyReport(
        study.name,
        study.about,
        command,
        datetime.now(timezone.utc).isoformat(timespec="seconds"),  # noqa: UP017 (Python 3.10)
        f"{DISTRIBUTION} {__version__}",
        list(study.metrics),
        sorted({cell.seed for cell in cells}),
        len(cells),
        list(study.rows),
        dict(keys),
        list(study.entries),
        k,
        sum(each.p is not None for own in tested for each in own),
        {name: _distinct([each.get(name) for each in environments]) for each in environments for name in each},
        datasets,
    )


def as_json(report: StudyReport) -> dict[str, Any]:
    """The report as plain values."""
    return plain(_fields(report))


def _fields(value: Any) -> Any:
    if hasattr(value, "__dataclass_fields__"):
        return {name: _fields(getattr(value, name)) for name in value.__dataclass_fields__}
    if isinstance(value, Mapping):
        return {key: _fields(each) for key, each in value.items()}
    return [_fields(each) for each in value] if isinstance(value, list | tuple) else value


def _all_places(
    study: Study, cells: Sequence[Cell], done: Mapping[Place, RunRecord], folder: Path, shown: bool
) -> dict[Place, TestPlaces | str]:
    """The places by the finished runs of rows that are compared, or why there are none."""
    compared = {name for row in study.rows if row.pairs for name in (row.name, *row.pairs)}
    chosen = [cell for cell in cells if cell.row.name in compared and cell.place in done]
    found: dict[Place, TestPlaces | str] = {}
    for cell in progress_bar("rankings", "run", len(chosen), shown=shown, over=chosen, leave=False):
        keys = {key: cell.config[key] for key in OF_THE_MACHINE}
        try:
            found[cell.place] = places_of(done[cell.place], folder, keys | {"progress": False})
        except DataError as error:
            found[cell.place] = str(error)
    return found


def _dataset(
    study: Study,
    entry: DataEntry,
    cells: Sequence[Cell],
    records: Mapping[Place, RunRecord],
    places: Mapping[Place, TestPlaces | str],
    k: int,
) -> DatasetReport:
    """Without adjusted p-values and shares, which need those of the whole study."""
    done = finished(records)
    missing = [MissingCell(c.row.name, c.seed, _status(records.get(c.place))) for c in cells if c.place not in done]
    runs: dict[str, dict[int, RunRecord]] = {}
    for cell in cells:
        if cell.place in done:
            runs.setdefault(cell.row.name, {})[cell.seed] = done[cell.place]
    results = {name: row_result(name, own, study.metrics) for name, own in runs.items()}
    users = UserMetrics()
    comparisons = [each for row in study.rows for each in compare(row, results, runs, users)]
    popularity, notes = [], []
    for row in study.rows:
        for other in row.pairs:
            seeds = [seed for seed in runs.get(row.name, {}) if seed in runs.get(other, {})]
            sides = [(places[entry.name, row.name, seed], places[entry.name, other, seed]) for seed in seeds]
            notes += [side for pair in sides for side in pair if isinstance(side, str)]
            known = [(a, b) for a, b in sides if isinstance(a, TestPlaces) and isinstance(b, TestPlaces)]
            if groups := popularity_groups(known, k):
                popularity.append(PopularityGain(row.name, other, groups))
    first = next((run for own in runs.values() for run in own.values()), None)
    return DatasetReport(
        entry.name,
        entry.dataset,
        first.info["protocol"] if first is not None else {},
        {cell.row.name: {k: v for k, v in cell.config.plain().items() if k not in MACHINE_KEYS} for cell in cells},
        missing,
        list(results.values()),
        comparisons,
        [],
        popularity,
        _distinct(notes),
    )


def _shares(study: Study, dataset: DatasetReport, comparisons: Sequence[Comparison]) -> list[Share]:
    results = {result.name: result for result in dataset.rows}
    return [share for row in study.rows for share in shares_of(row, results, comparisons)]


def _status(record: RunRecord | None) -> str:
    if record is None:
        return "not begun"
    error = record.info.get("error")
    return f"{record.info['status']}: {error}" if error else "interrupted, or still running"


def _distinct(values: Sequence[Any]) -> list[Any]:
    return list({str(value): value for value in values if value is not None}.values())
