"""The table of a search."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ..config import Config
from ..searching.spaces import words_of
from .cells import Cell, Column, Table


def search_table(config: Config, ranked: Sequence[dict[str, Any]]) -> Table:
    """A row for each combination that a search returned, and how to run the best one."""
    columns = {
        Column("Values", "text"): [words_of(each["values"]) for each in ranked],
        Column(config["valid_metric"], "metric"): [each["score"] for each in ranked],
        Column("Phase", "text"): [each.get("phase", "diverged") for each in ranked],
        Column("Epoch", "number"): [each.get("epoch") for each in ranked],
        Column("time", "seconds"): [each.get("seconds") for each in ranked],
    }
    rows = [[Cell(value) for value in row] for row in zip(*columns.values(), strict=True)]
    caption = f"{config['model']} on {config['dataset']}, validation split, seed {config['seed']}, best first."
    best, notes = ranked[0], []
    if best["score"] is not None:
        given = {key: value for key, value in config.overrides.items() if key not in best["values"]}
        words = words_of({**given, **best["values"]})
        notes.append(f"The best one, with its test score: -m {config['model']} -d {config['dataset']} {words}")
    return Table(caption, list(columns), rows, notes)
