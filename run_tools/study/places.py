"""Where a run ranked each item of the test split: kept in the study's folder, for gains by popularity."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from mmrec_host.files import write_whole
from mmrec_host.runs.record import RunRecord

from ..page.groups import item_counts, places

if TYPE_CHECKING:
    from mmrec_host.config import Config
    from mmrec_host.data.dataset import Dataset
    from mmrec_host.models.contract import Model

FOLDER = "places"


@dataclass(frozen=True)
class TestPlaces:
    """The test split's interactions and where one run ranked them, int64 [n_pairs] each.

    Attributes:
        users, items: who took what.
        taken: how often the item was taken in training; of no item tested there, in all splits.
        place: from 1, in the user's ranking; 0 behind its end.
    """

    __test__ = False

    users: np.ndarray
    items: np.ndarray
    taken: np.ndarray
    place: np.ndarray


def places_of(record: RunRecord, folder: Path, keys: Mapping[str, Any]) -> TestPlaces:
    """Those of a finished run, kept in the study's `folder`, or ranked now by the run's model.

    Args:
        keys: of the machine at hand, as `open_run` takes them.

    Raises:
        DataError: the run kept no model, or its data have changed.
    """
    file = _file(record, folder)
    if file.is_file():
        with np.load(file, allow_pickle=False) as arrays:
            return TestPlaces(**arrays)
    from mmrec_host.runs.finished_run import open_run

    run = open_run(record.path, **keys)
    return keep_places(record, folder, run.model, run.dataset, run.config)


def keep_places(record: RunRecord, folder: Path, model: Model, dataset: Dataset, config: Config) -> TestPlaces:
    """Rank the test split by a run's model in its best state, and keep the places in the study's `folder`."""
    from mmrec_host.evaluation.evaluator import ranked_items
    from mmrec_host.evaluation.options import EvaluationOptions

    split = dataset.splits.test
    ranked = ranked_items(model, split, EvaluationOptions.from_config(config))
    items, (counts, _) = split.positives.values, item_counts(dataset)
    found = TestPlaces(split.users[split.positives.row_ids()], items, counts[items], places(ranked, split.positives))
    file = _file(record, folder)
    file.parent.mkdir(parents=True, exist_ok=True)
    arrays: dict[str, Any] = {name: array.astype(np.int32) for name, array in vars(found).items()}
    write_whole(file, lambda out: np.savez_compressed(out, **arrays))
    return found


def _file(record: RunRecord, folder: Path) -> Path:
    """The moment that a run began in is part of the name: its folder's name may be had by another."""
    began = re.sub(r"\D", "", record.info["started"])
    return folder / FOLDER / f"{record.path.parent.name}-{record.path.name[:60]}-{began}.npz"
