"""Where a model finds the test split's items, and where it does not: by popularity and by category."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from mmrec_host.data.dataset import Dataset
from mmrec_host.data.ragged import Ragged

from .estimates import Estimate, estimate_mean, verdicts

POPULARITY_GROUPS = 5
MOST_CATEGORIES = 12


@dataclass(frozen=True)
class Group:
    """Test interactions whose items have something in common.

    Attributes:
        n_items, n_pairs, n_users: how many items, interactions and users are in it.
        shares: of each run, the share of the interactions whose item is among the first k.
        difference: the second run's share less the first's, paired; None with one run.
        verdict: see `verdicts`; None with one run.
    """

    name: str
    n_items: int
    n_pairs: int
    n_users: int
    shares: list[Estimate]
    difference: Estimate | None = None
    verdict: str | None = None


def places(ranked: np.ndarray, positives: Ragged) -> np.ndarray:
    """Place (from 1) of each positive in its user's ranking, 0 if it is not in it; int64 [n_pairs].

    Args:
        ranked: item ids [n_users, K], best first.
        positives: the positives of each row of `ranked`.
    """
    found = ranked[positives.row_ids()] == positives.values[:, None]
    return np.where(found.any(1), found.argmax(1) + 1, 0)


def make_groups(members: Mapping[str, np.ndarray], positives: Ragged, hits: Sequence[np.ndarray]) -> list[Group]:
    """A group for each entry of `members`, name -> bool [n_pairs], that holds any interaction.

    Args:
        hits: of one run or two, whether each positive was found, bool [n_pairs].
    """
    rows = positives.row_ids()
    made = []
    for name, chosen in members.items():
        if not chosen.any():
            continue
        users, own = rows[chosen], [hit[chosen].astype(float) for hit in hits]
        counts = len(np.unique(positives.values[chosen])), len(users), len(np.unique(users))
        difference = estimate_mean(own[1] - own[0], users) if len(own) == 2 else None
        made.append(Group(name, *counts, [estimate_mean(each, users) for each in own], difference))
    differences = [group.difference for group in made if group.difference is not None]
    if not differences:
        return made
    judged = verdicts(differences, [group.n_users for group in made])
    return [Group(**{**vars(group), "verdict": verdict}) for group, verdict in zip(made, judged)]


def item_counts(dataset: Dataset) -> tuple[np.ndarray, bool]:
    """How often each item was taken, int64 [n_items], and whether training rows were counted.

    They are, unless no item of the test split has one; then all rows are.
    """
    n_items, splits = dataset.interactions.n_items, dataset.splits
    counts = np.bincount(splits.train_items, minlength=n_items)
    if counts[splits.test.positives.values].any():
        return counts, True
    return np.bincount(dataset.interactions.items, minlength=n_items), False


def popularity_members(counts: np.ndarray, items: np.ndarray) -> dict[str, np.ndarray]:
    """Groups of about equally many test interactions, by how often their `items` [n_pairs] were taken; cold apart.

    Args:
        counts: int64 [n_items].
    """
    taken = counts[items]
    members = {"never taken (cold)": taken == 0}
    warm = taken[taken > 0]
    if len(warm) == 0:
        return members
    tops = np.unique(np.quantile(warm, np.arange(1, POPULARITY_GROUPS + 1) / POPULARITY_GROUPS, method="inverted_cdf"))
    for low, high in zip([0, *tops[:-1]], tops):
        chosen = (taken > low) & (taken <= high)
        first, last = taken[chosen].min(), taken[chosen].max()
        members[f"{first} times" if first == last else f"{first} to {last} times"] = chosen
    return members


def category_members(categories: Mapping[int, list[str]], items: np.ndarray) -> tuple[dict[str, np.ndarray], int]:
    """The categories with the most test interactions, and how many others are left out.

    An item counts in each of its categories; a category that all items share is none.

    Args:
        categories: item -> names.
        items: of the test interactions, int64 [n_pairs].
    """
    owners: dict[str, list[int]] = {}
    for item, names in categories.items():
        for name in names:
            owners.setdefault(name, []).append(item)
    telling = {name: own for name, own in owners.items() if len(own) < len(categories) or len(owners) == 1}
    members = {name: np.isin(items, own) for name, own in telling.items()}
    found = sorted((name for name in members if members[name].any()), key=lambda name: (-members[name].sum(), name))
    return {name: members[name] for name in found[:MOST_CATEGORIES]}, len(found[MOST_CATEGORIES:])
