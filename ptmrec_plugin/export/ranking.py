"""The rankings that a run was tested by, as files that other programs compute metrics from.

In TREC's formats, which trec_eval and most libraries read, or Parquet. The written scores fall strictly from place to
place, in float32 too, so that each program sorts them into the order that was scored here.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from mmrec_host.data.eval_split import EvalSplit
from mmrec_host.evaluation.cutoffs import can_rank, fitting
from mmrec_host.evaluation.evaluator import without_ids
from mmrec_host.evaluation.options import EvaluationOptions
from mmrec_host.evaluation.ranking import MASKED_SCORE, places_seen, ranked_batches
from mmrec_host.runs.finished_run import FinishedRun
from run_tools.catalogue import Catalogue
from run_tools.recommendation import catalogue_of

from .formats import Write, bytes_file, parquet_file


@dataclass(frozen=True)
class Ranked:
    """A ranking as a table, a row a place: users, items and places from 1, int64 [n], and float32 scores [n]."""

    users: np.ndarray
    items: np.ndarray
    places: np.ndarray
    scores: np.ndarray


def ranking_files(run: FinishedRun, format: str) -> dict[str, Write]:
    """Rankings, relevant items and the users' metrics of the test split, as `trec` or `parquet`.

    Those of the rankings beside it (of new items) have its name in front. TREC's files and the `.csv` call users and
    items by their index; Parquet has the original ids too, if the dataset has such.
    """
    options, test = EvaluationOptions.from_config(run.config), run.dataset.splits.test
    names = catalogue_of(run)
    files: dict[str, Write] = {}
    for ranking, split in {"": test, **test.beside}.items():
        if can_rank(options, split, run.model.n_items):
            made = _files(run, split, fitting(options, split, run.model.n_items), ranking, names, format)
            files |= {"_".join([*ranking.split(), name]): write for name, write in made.items()}
    return files


def _files(
    run: FinishedRun, split: EvalSplit, options: EvaluationOptions, ranking: str, names: Catalogue, format: str
) -> dict[str, Write]:
    ranked = _ranked(run, split, options)
    users, items = split.users[split.positives.row_ids()], split.positives.values
    prefix = f"{ranking}/" if ranking else ""
    metrics = ["users", *options.names()]
    values = dict(zip(metrics, run.record.per_user([prefix + name for name in metrics]).values(), strict=True))
    tested = values.pop("users")
    if format == "trec":
        tag = "".join(run.record.info["label"].split()) or "run"
        places = zip(*(array.tolist() for array in (ranked.users, ranked.items, ranked.places, ranked.scores)))
        pairs = dict.fromkeys(zip(users.tolist(), items.tolist()))  # trec_eval refuses one that is there twice
        columns = zip(tested.tolist(), *(column.tolist() for column in values.values()))
        return {
            "run.trec": _lines(f"{user} Q0 {item} {place} {score:.9g} {tag}" for user, item, place, score in places),
            "qrels.trec": _lines(f"{user} 0 {item} 1" for user, item in pairs),
            "per_user.csv": _lines([",".join(["user", *values]), *(",".join(map(repr, row)) for row in columns)]),
        }
    return {
        "ranking.parquet": parquet_file(
            _named(names, ranked.users, ranked.items) | {"rank": ranked.places, "score": ranked.scores}
        ),
        "relevant.parquet": parquet_file(_named(names, users, items)),
        "per_user.parquet": parquet_file(_named(names, tested) | values),
    }


def _ranked(run: FinishedRun, split: EvalSplit, options: EvaluationOptions) -> Ranked:
    """What `evaluate` ranks, with scores; without the items that the user took before, where so few others are left."""
    k, parts = max(options.cutoffs), []
    seen = places_seen(k, split, run.model.n_items)
    with without_ids(run.model, split.cold_items):
        for users, *best in ranked_batches(run.model, split, seen, options.batch_size, options.device):
            scores, items = (each[:, :k] for each in best)
            there = (scores > MASKED_SCORE).cpu().numpy()
            rows, columns = there.nonzero()
            falling = strictly_falling(scores.float().cpu().numpy())
            parts.append((users.cpu().numpy()[rows], items.cpu().numpy()[there], columns + 1, falling[there]))
    return Ranked(*map(np.concatenate, zip(*parts, strict=True)))


def strictly_falling(scores: np.ndarray) -> np.ndarray:
    """Scores, float32 [n, k], best first, where each is less than the one before it.

    One that is not becomes the next smaller float32 number.
    """
    falling = scores.copy()
    for place in range(1, falling.shape[1]):
        below = np.nextafter(falling[:, place - 1], np.float32(-np.inf))
        falling[:, place] = np.minimum(falling[:, place], below)
    return falling


def _named(names: Catalogue, users: np.ndarray, items: np.ndarray | None = None) -> dict[str, Any]:
    """Columns that say who and what: indices, and original ids where they are known."""
    columns: dict[str, Any] = {}
    for called, indices in ((names.users, users), (names.items, items)):
        if indices is not None:
            columns[called.kind] = indices
            if called.originals:
                columns[f"{called.kind}_id"] = [called.originals[index] for index in indices.tolist()]
    return columns


def _lines(lines: Iterator[str] | list[str]) -> Write:
    return bytes_file("".join(f"{line}\n" for line in lines).encode())
