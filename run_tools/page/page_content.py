"""What a page shows, collected as plain data."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ..catalogue import Names
from .estimates import Estimate, estimate_mean
from .groups import Group, category_members, item_counts, make_groups, places, popularity_members
from .item_content import ItemContent
from .neighbours import View, choose_items, neighbour_views
from .sides import Side
from .users import User, choose_rows, describe_user


@dataclass(frozen=True)
class PageContent:
    """The content of a page on one run or two.

    Attributes:
        metric: the one by which the first run chose its epoch, such as `recall@20`.
        means: metric -> the mean of each run.
        differences: metric -> the second run's less the first's, paired; empty with one run.
        n_changed: how many users gained, lost and kept `metric`; None with one run.
        in_training: whether the popularity of the items was counted in the training split; else in all.
        n_categories_left: categories that are not shown, having fewer test interactions.
        views: modality -> tables of features with the neighbours in them.
        items: whose neighbours are shown.
    """

    sides: list[Side]
    content: ItemContent
    metric: str
    means: dict[str, list[float]]
    differences: dict[str, Estimate]
    n_changed: tuple[int, int, int] | None
    users: list[User]
    popularity: list[Group]
    in_training: bool
    categories: list[Group]
    n_categories_left: int
    views: dict[str, list[View]]
    items: list[int]
    seed: int

    @property
    def cutoff(self) -> int:
        """The k of `metric`."""
        return int(self.metric.partition("@")[2])


def collect(sides: Sequence[Side], content: ItemContent, n_users: int, n_items: int, seed: int) -> PageContent:
    """Everything on the page but its pictures.

    Args:
        n_users, n_items: how many are shown.
        seed: of what is drawn.
    """
    rng = np.random.default_rng(seed)
    dataset, split = sides[0].run.dataset, sides[0].run.dataset.splits.test
    metric = sides[0].run.record.info["valid_metric"]
    values = [side.per_user[metric] for side in sides]
    differences, n_changed = {}, None
    if len(sides) == 2:
        differences = {name: estimate_mean(sides[1].per_user[name] - own) for name, own in sides[0].per_user.items()}
        gains = values[1] - values[0]
        n_changed = int((gains > 0).sum()), int((gains < 0).sum()), int((gains == 0).sum())
    cutoff = int(metric.partition("@")[2])
    found = [places(side.ranked[:, :cutoff], split.positives) > 0 for side in sides]
    counts, in_training = item_counts(dataset)
    by_count = popularity_members(counts, split.positives.values)
    by_category, n_left = category_members(content.categories, split.positives.values)
    views = neighbour_views(sides)
    names = Names.read("user", dataset.folder, dataset.interactions.n_users)
    usable = np.setdiff1d(np.arange(dataset.interactions.n_items), sorted(content.without_picture() or ()))
    return PageContent(
        sides=list(sides),
        content=content,
        metric=metric,
        means={name: [float(side.per_user[name].mean()) for side in sides] for name in sides[0].per_user},
        differences=differences,
        n_changed=n_changed,
        users=[
            describe_user(dataset, names, sides, metric, row, why) for why, row in choose_rows(values, n_users, rng)
        ],
        popularity=make_groups(by_count, split.positives, found),
        in_training=in_training,
        categories=make_groups(by_category, split.positives, found),
        n_categories_left=n_left,
        views=views,
        items=choose_items(views, usable, n_items, rng) if views else [],
        seed=seed,
    )
