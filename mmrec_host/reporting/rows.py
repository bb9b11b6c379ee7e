"""Rows of a results table: which runs stand in each."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass

from ..runs.record import RunRecord
from ..runs.recorded_settings import plain_label, recorded_settings


@dataclass(frozen=True)
class Row:
    """The runs of one label under its newest settings, a run a seed, and the runs under others."""

    label: str
    runs: list[RunRecord]
    others: list[RunRecord]


def by_protocol(runs: Sequence[RunRecord]) -> list[list[RunRecord]]:
    """The finished runs of each protocol, in order of its first; only these compare."""
    groups: dict[str, list[RunRecord]] = {}
    for run in runs:
        if run.info["status"] == "finished":
            groups.setdefault(json.dumps(run.info["protocol"], sort_keys=True), []).append(run)
    return list(groups.values())


def rows_of(runs: Sequence[RunRecord]) -> list[Row]:
    """A row a label, in the order in which they first appear; the newest run of each seed."""
    by_label: dict[str, list[RunRecord]] = {}
    for run in runs:
        by_label.setdefault(plain_label(run.info["label"]), []).append(run)
    rows = []
    for same in by_label.values():
        newest_first = sorted(same, key=lambda run: run.info["started"], reverse=True)
        newest = newest_first[0]
        by_seed: dict[int, RunRecord] = {}
        others = []
        for run in newest_first:
            if _same_settings(run, newest):
                by_seed.setdefault(run.info["seed"], run)
            else:
                others.append(run)
        rows.append(Row(newest.info["label"], [by_seed[seed] for seed in sorted(by_seed)], others))
    return rows


def _same_settings(one: RunRecord, other: RunRecord) -> bool:
    if one.info["settings_sha"] == other.info["settings_sha"]:
        return True
    settings = recorded_settings(one.path)
    return settings is not None and settings == recorded_settings(other.path)


def differing(one: RunRecord, other: RunRecord) -> list[str]:
    """Keys in which the settings of two runs differ; none where those of one cannot be read."""
    a, b = recorded_settings(one.path), recorded_settings(other.path)
    if a is None or b is None:
        return []
    return sorted(key for key in a.keys() | b.keys() if key not in a or key not in b or a[key] != b[key])


def seeds(n: int) -> str:
    """`1 seed`, `2 seeds`."""
    return f"{n} seed{'s' if n != 1 else ''}"
