"""What the runs of a study's rows came to, and what they cost."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from mmrec_host.runs.record import RunRecord

PARAMETERS = " parameters"
"""So ends a column of a model's own that counts parameters which it trains beside those of the recommender."""

RANKINGS = {"new": "new items among themselves", "new in all": "new items among all items"}
"""Rankings beside the ordinary one, in words."""


@dataclass(frozen=True)
class Value:
    """A number over seeds.

    Attributes:
        std: standard deviation, n - 1 in the denominator; None for a single seed.
        seeds: seed -> value.
    """

    mean: float
    std: float | None
    seeds: Mapping[int, float]

    @classmethod
    def over(cls, seeds: Mapping[int, float | None]) -> Value | None:
        """The mean over the seeds that have a value; None if none has."""
        known = {seed: float(value) for seed, value in seeds.items() if value is not None}
        if not known:
            return None
        each = list(known.values())
        return cls(float(np.mean(each)), float(np.std(each, ddof=1)) if len(each) > 1 else None, known)


@dataclass(frozen=True)
class RowResult:
    """What a row came to on a data set.

    Attributes:
        values: `recall@20`, or `new/recall@20` of a ranking beside the ordinary one -> its value.
        seconds: a run's time.
        trained: parameters that a run trains.
        peak_mb: largest memory: the GPU's where it ran on one, else the process's.
        columns: what the model says of itself: numbers as means over seeds.
        notes: what the runs say that a reader should know.
    """

    name: str
    seeds: list[int]
    values: dict[str, Value]
    seconds: Value | None
    trained: Value | None
    peak_mb: Value | None
    columns: dict[str, Any]
    notes: list[str]


def row_result(name: str, runs: Mapping[int, RunRecord], metrics: Sequence[str]) -> RowResult:
    """The result of a row's finished runs, by seed.

    Args:
        metrics: such as `recall@20`; those of rankings beside the ordinary one are taken too.
    """
    infos = {seed: run.info for seed, run in sorted(runs.items())}
    known = dict.fromkeys(key for info in infos.values() for key in info["test"])
    rankings = dict.fromkeys(key.rpartition("/")[0] for key in known)
    values = {}
    for ranking in rankings:
        for metric in metrics:
            key = key_of(ranking, metric)
            value = Value.over({seed: info["test"].get(key) for seed, info in infos.items()})
            if value is not None:
                values[key] = value
    return RowResult(
        name,
        list(infos),
        values,
        Value.over({seed: info["seconds"].get("total") for seed, info in infos.items()}),
        Value.over({seed: _trained(info) for seed, info in infos.items()}),
        Value.over({seed: info.get("peak_cuda_memory_mb", info.get("peak_memory_mb")) for seed, info in infos.items()}),
        _columns(list(infos.values())),
        list(dict.fromkeys(note for info in infos.values() for note in info["notes"])),
    )


def key_of(ranking: str, metric: str) -> str:
    """What a record calls a metric of a ranking; the ordinary one has no name."""
    return f"{ranking}/{metric}" if ranking else metric


def rankings_of(results: Sequence[RowResult]) -> list[str]:
    """The rankings of which a data set's rows have metrics."""
    return list(dict.fromkeys(key.rpartition("/")[0] for result in results for key in result.values))


def ranking_words(ranking: str) -> str:
    """What a report calls a ranking; the ordinary one has no name."""
    return RANKINGS.get(ranking, ranking)


def _trained(info: Mapping[str, Any]) -> int | None:
    own = info["parameters"].get("trainable")
    beside = [n for name, n in info.get("columns", {}).items() if name.endswith(PARAMETERS) and isinstance(n, int)]
    return None if own is None else own + sum(beside)


def _columns(infos: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name in dict.fromkeys(name for info in infos for name in info.get("columns", {})):
        values = [value for info in infos if (value := info.get("columns", {}).get(name)) is not None]
        numbers = all(isinstance(value, int | float) for value in values)
        found[name] = float(np.mean(values)) if values and numbers else ", ".join(dict.fromkeys(map(str, values)))
    return found
