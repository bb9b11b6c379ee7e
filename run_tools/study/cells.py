"""The runs that a study is made of: one for each data set, row and seed, with its configuration."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from mmrec_host.config import Config, known_keys, load_config
from mmrec_host.errors import ConfigError
from mmrec_host.jobs.job import builds_on_others
from mmrec_host.models.base import MODELS
from mmrec_host.registry import nearest
from mmrec_host.training.options import TrainingOptions

from .study_file import DataEntry, Row, Study

Place = tuple[str, str, int]
"""Names of data set and row, and a seed."""


@dataclass(frozen=True, eq=False)
class Cell:
    """One run of a study.

    Attributes:
        builds_on: it trains, or finds trained, runs of other models, which are therefore run before it.
    """

    entry: DataEntry
    row: Row
    seed: int
    config: Config
    builds_on: bool = False

    @property
    def place(self) -> Place:
        """Where it stands in the study."""
        return self.entry.name, self.row.name, self.seed

    def __str__(self) -> str:
        return f"{self.entry.name}, {self.row.name}, seed {self.seed}"


def make_cells(study: Study, words: Mapping[str | None, Mapping[str, Any]], n_seeds: int) -> list[Cell]:
    """All cells, in the order of data sets, rows and seeds.

    Args:
        words: keys of the command line, for all models (None) and for one; they win over the file's.

    Raises:
        ConfigError: all that is wrong with any of them.
    """
    errors: dict[str, list[str]] = {}
    cells: list[Cell] = []
    for entry in study.entries:
        said = {
            row.name: {**study.keys, **entry.keys, **row.keys, **words.get(None, {}), **words.get(row.model, {})}
            for row in study.rows
        }
        known = {row.name: _known(row.model, entry.dataset, said[row.name]) for row in study.rows}
        anywhere: set[str] = set().union(*known.values())
        for row in study.rows:
            try:
                config = _config(row, entry, said[row.name], anywhere)
                _check_metrics(study, config)
            except ConfigError as error:
                for line in str(error).splitlines():
                    errors.setdefault(line, []).append(f"{row.name} on {entry.name}")
                continue
            first, builds_on = int(config["seed"]), builds_on_others(config)
            cells += [
                Cell(entry, row, seed, config.replaced(seed=seed, resume=True), builds_on)
                for seed in range(first, first + n_seeds)
            ]
    messages = [f"{_shortly(places)}: {message}" for message, places in errors.items()] + list(_same(cells))
    if messages:
        raise ConfigError("\n".join(dict.fromkeys(messages)))
    return cells


def in_order(cells: Iterable[Cell]) -> list[Cell]:
    """The cells in the order in which they are run: whole seeds come first, in them the runs that others build on."""
    return sorted(cells, key=lambda cell: (cell.seed, cell.builds_on))


def _known(model: str, dataset: str, keys: Mapping[str, Any]) -> set[str]:
    try:
        return known_keys(model, dataset, keys)
    except ConfigError:  # an unknown option; `load_config` says so
        return set()


def _config(row: Row, entry: DataEntry, keys: Mapping[str, Any], anywhere: set[str]) -> Config:
    """What a row says itself, its model must know; the other keys, the model of some row."""
    MODELS.get(row.model)
    return load_config(row.model, entry.dataset, overrides=keys, elsewhere=anywhere - set(row.keys))


def _check_metrics(study: Study, config: Config) -> None:
    known = TrainingOptions.from_config(config).evaluation.names()
    for metric in study.metrics:
        if metric not in known:
            raise ConfigError(
                f"metrics: {metric!r} is not computed{nearest(metric, known)} The keys metrics and topk say what is: "
                f"{', '.join(known)}."
            )


def _shortly(places: list[str]) -> str:
    return places[0] + (f" (and {len(places) - 1} more)" if len(places) > 1 else "")


def _same(cells: list[Cell]) -> Iterator[str]:
    """Rows of one data set that are the same run: one of them lacks the key that it is about."""
    seen: dict[tuple[str, int, str], Cell] = {}
    for cell in cells:
        first = seen.setdefault((cell.entry.name, cell.seed, cell.config.settings_sha()), cell)
        if first is not cell:
            yield f"rows: {first.row.name!r} and {cell.row.name!r} have the same settings on {cell.entry.name}."
