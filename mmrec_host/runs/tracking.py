"""Who watches a run from outside: trackers such as TensorBoard, told what the record is told.

A tracker that fails is left out for the rest of the run, which goes on.
"""

from __future__ import annotations

import logging
import numbers
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from ..config import Config
from ..errors import ConfigError
from ..ranks import is_main
from ..registry import Registry
from .record import RunRecord, plain

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class TrackedRun:
    """What a tracker is told when a run begins or goes on.

    Attributes:
        folder: of the run's record, whose name is the run's.
        dataset, label: what it is shown under.
        settings: the resolved configuration, and the numbers of parameters.
        resumed: whether it has been tracked before: it goes on in the same place.
    """

    folder: Path
    dataset: str
    label: str
    settings: dict[str, Any]
    resumed: bool


class Tracker(Protocol):
    """Follows one run; made as `Tracker(run)`, which begins or goes on with it."""

    def log(self, values: dict[str, float], step: int) -> None:
        """Values of one epoch: losses, validation, gradient norms, seconds, memory; steps count over all phases."""

    def end(self, results: dict[str, float], failed: bool) -> None:
        """The run has ended; `results` is its row of the table, empty if it failed."""


TRACKERS = Registry("tracker", group="mmrec.trackers")
"""Name -> `make(run: TrackedRun) -> Tracker`; ours need the package of the extra that is called as they are."""


def trackers_of(config: Config) -> dict[str, Callable[[TrackedRun], Tracker]]:
    """The trackers that the key `track`, a name or a list, names.

    Raises:
        ConfigError: an unknown tracker, or one whose package is not installed.
    """
    said = config["track"] or []
    return {name: _tracker(name) for name in ([said] if isinstance(said, str) else said)}


def _tracker(name: str) -> Callable[[TrackedRun], Tracker]:
    try:
        return TRACKERS.get(name)
    except ConfigError as error:
        if not isinstance(error.__cause__, ImportError):
            raise
        raise ConfigError(
            f"track={name}: its package cannot be imported ({error.__cause__}). pip install 'ptmrec[{name}]', or leave "
            "it out of `track`."
        ) from error


class Tracking:
    """The trackers of one run; in processes beside the main one there are none."""

    def __init__(
        self, makers: Mapping[str, Callable[[TrackedRun], Tracker]], config: Config, record: RunRecord
    ) -> None:
        self.known = {_place(line): number for number, line in enumerate(record.epochs())}
        parameters = {f"parameters/{name}": n for name, n in record.info["parameters"].items()}
        info, settings = record.info, plain({**config, **parameters})
        run = TrackedRun(record.path, info["dataset"], info["label"], settings, bool(self.known))
        self.trackers: dict[str, Tracker] = {}
        for name, make in makers.items() if is_main() else ():
            with _left_out_if_it_fails(name):
                self.trackers[name] = make(run)

    def log(self, line: Mapping[str, Any]) -> None:
        """What the record notes of an epoch; one that it had noted before the run was resumed is known already."""
        if _place(line) in self.known:
            return
        step = self.known[_place(line)] = len(self.known)
        values = dict(numbers_of({name: value for name, value in line.items() if name not in ("phase", "epoch")}))
        self._each(lambda tracker: tracker.log(values, step))

    def end(self, info: Mapping[str, Any]) -> None:
        """The run has ended, and the record holds `info`."""
        failed = info["status"] != "finished"
        parts = {} if failed else {"test": info["test"], "seconds": info["seconds"], "columns": info["columns"]}
        results = dict(numbers_of({**parts, "best epoch": info["best"]["epoch"]} if parts else {}))
        self._each(lambda tracker: tracker.end(results, failed))

    def _each(self, tell: Callable[[Tracker], None]) -> None:
        trackers, self.trackers = self.trackers, {}
        for name, tracker in trackers.items():
            with _left_out_if_it_fails(name):
                tell(tracker)
                self.trackers[name] = tracker


@contextmanager
def _left_out_if_it_fails(name: str) -> Iterator[None]:
    try:
        yield
    except Exception as error:  # of packages and servers that may fail in any way
        log.warning("tracker %s is left out from here on: %s: %s", name, type(error).__name__, error)


def _place(line: Mapping[str, Any]) -> tuple[str, int]:
    return line["phase"], line["epoch"]


def numbers_of(values: Mapping[str, Any], before: str = "") -> Iterator[tuple[str, float]]:
    """The numbers in nested mappings, named by the path to them: `valid/recall@20`."""
    for name, value in values.items():
        if isinstance(value, Mapping):
            yield from numbers_of(value, f"{before}{name}/")
        elif isinstance(value, numbers.Real) and not isinstance(value, bool):
            yield f"{before}{name}", float(value)
