"""How far a study is: which cells have finished, and in which run."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from mmrec_host.data.dataset import load_dataset
from mmrec_host.errors import DataError, UserError
from mmrec_host.runs.build import protocol
from mmrec_host.runs.record import RunRecord, find_runs, plain, run_of

from .cells import Cell, Place

Protocols = Mapping[str, Mapping[str, Any]]
"""Name of a data set in the study -> what two of its runs must agree in."""


def protocols_of(cells: Sequence[Cell]) -> Protocols:
    """The protocol of each data set as it is now; one that is missing is made, if it can be.

    Raises:
        DataError: all that is wrong with any of them.
    """
    found: dict[str, dict[str, Any]] = {}
    errors = []
    for cell in {cell.entry.name: cell for cell in reversed(cells)}.values():
        try:
            found[cell.entry.name] = plain(protocol(cell.config, load_dataset(cell.config)))
        except UserError as error:
            errors.append(f"{cell.entry.name}: {error}")
    if errors:
        raise DataError("\n".join(errors))
    return found


def begun(cells: Iterable[Cell], protocols: Protocols | None = None) -> dict[Place, RunRecord]:
    """The run of each cell that was begun, a finished one where there is one.

    Args:
        protocols: of the data as they are now, by default as they were in each data set's newest run; a run on other
            data is none of this study's.
    """
    runs: dict[tuple[str, str], list[RunRecord]] = {}
    found: dict[Place, RunRecord] = {}
    for cell in cells:
        where = str(cell.config["run_path"]), cell.entry.dataset
        if where not in runs:
            runs[where] = find_runs(Path(where[0]), where[1])
        record = run_of(runs[where], cell.config)
        if record is not None:
            found[cell.place] = record
    protocols = _newest(found) if protocols is None else protocols
    return {
        place: record
        for place, record in found.items()
        if record.info.get("protocol") in (None, protocols.get(place[0]))
    }


def finished(records: Mapping[Place, RunRecord]) -> dict[Place, RunRecord]:
    """Those that have finished."""
    return {place: record for place, record in records.items() if record.info["status"] == "finished"}


def _newest(records: Mapping[Place, RunRecord]) -> Protocols:
    in_order = sorted(finished(records).items(), key=lambda item: item[1].info["started"])
    return {place[0]: record.info["protocol"] for place, record in in_order}
