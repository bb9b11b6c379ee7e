"""One finished run, ready to answer many questions at once; it knows nothing of the web."""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from feature_cache import Content
from mmrec_host.data.ragged import Ragged
from mmrec_host.evaluation.evaluator import without_ids
from mmrec_host.kernels import products
from mmrec_host.models.contract import Model
from mmrec_host.runs.finished_run import FinishedRun, open_run
from mmrec_host.runs.record import RunRecord
from mmrec_host.runs.recorded_config import recorded_config

from ..named_answers import Answer, for_new_item, for_taken, for_user, like_item, scored_items
from ..new_item import NewItems
from ..page.item_content import raw_content
from ..page.thumbnails import small_jpeg
from ..recommendation import Scored, alike, ranked
from .vectors_file import served_vectors

BLOCK = 64 * 2**20  # bytes of scores at once
MOST = 64  # questions at once
PICTURES = 512  # small pictures that are kept
SIDE = 320  # pixels of a picture's longest side


@dataclass(frozen=True)
class ForUser:
    """What to recommend to a user of the run."""

    user: int
    k: int
    include_taken: bool = False


@dataclass(frozen=True)
class Alike:
    """What is like the items taken.

    Attributes:
        session: somebody took them, who may be shown them again with `include_taken`; else they are one item, of which
            others are wanted.
    """

    items: tuple[int, ...]
    k: int
    session: bool = True
    include_taken: bool = False


class VectorModel(Model):
    """Scores by the products of vectors that are kept in a file."""

    def __init__(self, users: Tensor, items: Tensor) -> None:
        super().__init__()
        self.n_users, self.n_items = len(users), len(items)
        self._users, self._items = users, items

    def prepare_evaluation(self) -> None:
        """Nothing: the vectors are there."""

    def score_users(self, users: Tensor, out: Tensor | None = None) -> Tensor:
        """Scores [len(users), n_items] of all items; written into `out` if given."""
        scores = torch.empty(len(users), self.n_items) if out is None else out
        return products(self._users[users], self._items, scores)


class ServedRun:
    """Answers as `ptmrec recommend --json` has them.

    Args:
        folder: of the run.
        keys: those of this machine, as for `open_run`.

    Attributes:
        names: of users and items.
        most: questions to ask at once.

    Raises:
        UserError: the run cannot be opened.
    """

    def __init__(self, folder: Path, keys: Mapping[str, Any]) -> None:
        self.folder, self._keys = folder.resolve(), dict(keys)  # where a link leads now
        self._record = RunRecord.load(self.folder)
        self._config = recorded_config(self.folder / "config.yaml", keys)
        self._data = Path(self._config["data_path"]) / self._config["dataset"]
        self._model_lock, self._content_lock = threading.Lock(), threading.Lock()
        self._vectors = served_vectors(self.folder, self._data, lambda: self._run)
        self.names = self._vectors.names
        self._scoring = VectorModel(self._vectors.users, self._vectors.items)
        self.most = max(1, min(MOST, BLOCK // (4 * self._scoring.n_items)))
        self.picture = lru_cache(PICTURES)(self._picture)

    @cached_property
    def _run(self) -> FinishedRun:
        return open_run(self.folder, **self._keys)

    @cached_property
    def _new_items(self) -> NewItems:
        return NewItems(self._run)

    @cached_property
    def _content(self) -> Content | None:
        return raw_content(self._config, self._data, self._scoring.n_items)

    def same_as(self, other: ServedRun) -> bool:
        """Whether both are the same run in the same state."""
        states = [(run.folder, run._record.info) for run in (self, other)]
        return states[0] == states[1]

    def describe(self) -> Answer:
        """The run, its model and dataset, and how many users and items there are."""
        info = self._record.info
        return {
            **{"run": self.folder.name, "model": info["label"], "dataset": info["dataset"]},
            **{"users": self._scoring.n_users, "items": self._scoring.n_items},
        }

    def for_users(self, questions: Sequence[ForUser]) -> list[Answer]:
        """What is recommended to each user, all by one matrix product."""
        users = np.array([question.user for question in questions], np.int64)
        taken = self._vectors.taken.take(users)
        shown = np.array([question.include_taken for question in questions])
        rows = taken.row_ids()
        mask = Ragged.group(rows[~shown[rows]], taken.values[~shown[rows]], len(users))
        k = max(question.k for question in questions)
        found = self._ranked(users, mask, k)
        return [
            for_user(self.names, question.user, best[: question.k], taken.row(row).tolist())
            for row, (question, best) in enumerate(zip(questions, found, strict=True))
        ]

    def _ranked(self, users: np.ndarray, mask: Ragged, k: int) -> list[Scored]:
        if self._vectors.exact:
            return [best for _, best in ranked(self._scoring, users, mask, k, MOST, torch.device("cpu"))]
        with self._model_lock, without_ids(self._run.model, self._run.dataset.splits.test.cold_items):
            config = self._run.config
            found = ranked(self._run.model, users, mask, k, config["eval_batch_size"], config["device"])
            return [best for _, best in found]

    def alike(self, questions: Sequence[Alike]) -> list[Answer]:
        """What is like the items of each question, all by one matrix product."""
        left_out = [() if question.include_taken else question.items for question in questions]
        found = alike(
            self._vectors.unit, [question.items for question in questions], left_out, [q.k for q in questions]
        )
        return [
            for_taken(self.names, question.items, best)
            if question.session
            else like_item(self.names, question.items[0], best)
            for question, best in zip(questions, found, strict=True)
        ]

    def search(self, text: str, k: int) -> Answer:
        """The items whose text is nearest by the run's encoder; `ConfigError` if its model reads no texts."""
        with self._model_lock:
            return {"text": text, "items": scored_items(self.names, self._new_items.nearest(text, None, k))}

    def place(self, text: str | None, image: bytes | None, k: int) -> Answer:
        """The nearest items and the likeliest users; `ConfigError` as in `NewItems`."""
        with self._model_lock:
            return for_new_item(self.names, self._new_items.place(text, image, k))

    def _picture(self, item: int) -> bytes | None:
        """A small JPEG of the item; None if it has no picture."""
        with self._content_lock:  # threads that ask for the first pictures do not all open it
            content = self._content
        if content is None or item in content.report.without_image:
            return None
        return small_jpeg(content.image(item), SIDE)[2]

    def items(self, first: int, n: int) -> list[Answer]:
        """The names of items `first` to `first + n - 1`, as far as there are such."""
        return [self.names.item(item) for item in range(first, min(first + n, self._scoring.n_items))]
