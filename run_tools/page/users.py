"""Some users of the test split: what they took, what they are recommended, what they should have found."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from mmrec_host.data.dataset import Dataset

from ..catalogue import Names
from .groups import places
from .sides import Side

RECOMMENDED = 10  # places that are shown


@dataclass(frozen=True)
class Recommendations:
    """What one run does for one user.

    Attributes:
        items: the first places, best first.
        places: place of each item in `User.held`, 0 if it is not ranked so high.
        value: the metric.
    """

    items: list[int]
    places: list[int]
    value: float


@dataclass(frozen=True)
class User:
    """A user of the test split.

    Attributes:
        name: the original id, else the index.
        why: how the user came onto the page.
        taken: items of the training split, in the order of the file.
        held: items of the test split.
        runs: a run each.
    """

    name: str
    why: str
    taken: list[int]
    held: list[int]
    runs: list[Recommendations]


def choose_rows(values: Sequence[np.ndarray], n: int, rng: np.random.Generator) -> list[tuple[str, int]]:
    """Why, and which rows of the test split: drawn at random; of two runs a quarter each gained or lost most.

    Args:
        values: of each run, the metric of each user.
    """
    shuffled = rng.permutation(len(values[0]))
    chosen: dict[int, str] = {}
    if len(values) == 2:
        gains = (values[1] - values[0])[shuffled]
        for why, sign in (("gained most", 1), ("lost most", -1)):
            extreme = [row for row in np.argsort(-sign * gains, kind="stable")[: n // 4] if sign * gains[row] > 0]
            chosen |= {int(shuffled[row]): why for row in extreme}
    drawn = [int(row) for row in shuffled if int(row) not in chosen][: n - len(chosen)]
    return [("drawn at random", row) for row in drawn] + [(why, row) for row, why in chosen.items()]


def describe_user(dataset: Dataset, names: Names, sides: Sequence[Side], metric: str, row: int, why: str) -> User:
    """The user in one row of the test split."""
    split, splits = dataset.splits.test, dataset.splits
    number = int(split.users[row])
    own = split.positives.slice(row, row + 1)
    runs = [
        Recommendations(
            side.ranked[row, :RECOMMENDED].tolist(),
            places(side.ranked[row : row + 1], own).tolist(),
            float(side.per_user[metric][row]),
        )
        for side in sides
    ]
    taken = splits.train_items[splits.train_users == number].tolist()
    return User(names.called(number), why, taken, own.values.tolist(), runs)
