"""What the generated dataset is made with: the keys `mini_…` of the configuration.

How its weights are chosen, said before any was tried. Sizes are like a small part of an Amazon category: 1,200 users,
400 items, 5 to 10 purchases a user, popularity half as strong as it was. A fifth of the items is new, so that
validation has 27 of these; the best epoch is the best by the mean of both validations, in Recall@10. Of the weights
(taste, community) the first of (2, 2.5), (2, 2), (2, 1.5), (2, 1), (1.5, 1), (3, 1) is taken by which, in 5 of 5 seeds
on the validation split,

1. FREEDOM is above VBPR on the items that are not new, each with the winner of its own search on the first seed;
2. frozen features show the planted taste in part: on new items Content is between chance and PlantedTaste, which ranks
   by the planted taste itself.

PTMRec has no part in it. It is run once, when the weights are fixed, and what comes out is reported: docs/results.md.
(2, 2.5) failed in one seed; (2, 2) passed.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any

from mmrec_host.errors import ConfigError

FEWEST = 5  # interactions of a user and of an item, as in MMRec's 5-core data


@dataclass(frozen=True)
class MiniOptions:
    """Sizes, and the weights in the utility that an item has for a user.

    Attributes:
        seed: of the dataset, not of a run.
        users, items: how many there are.
        purchases: fewest and most of a user.
        taste: weight of each attribute that an item shares with the user's taste.
        community: weight of the same hidden community.
        popularity: standard deviation of the items' popularity.
    """

    seed: int
    users: int
    items: int
    purchases: list[int]
    taste: float
    community: float
    popularity: float

    @classmethod
    def read(cls, config: Mapping[str, Any]) -> MiniOptions:
        """The options in `config`.

        Raises:
            ConfigError: a key without a value, a negative seed, or too few users or items for the purchases asked for;
                all that is wrong.
        """
        values = {field.name: config[f"mini_{field.name}"] for field in fields(cls)}
        absent = [f"mini_{name}" for name, value in values.items() if value is None]
        if absent:
            raise ConfigError(f"{', '.join(absent)}: the dataset needs a value; mini.yaml has ours.")
        seed, users, items, purchases = (values[name] for name in ("seed", "users", "items", "purchases"))
        errors = []
        if seed < 0:
            errors.append(f"mini_seed={seed}: must be 0 or more.")
        if users < 2 * FEWEST:
            errors.append(f"mini_users={users}: at least {2 * FEWEST} users are needed.")
        pair = isinstance(purchases, list) and len(purchases) == 2 and all(type(n) is int for n in purchases)
        if not pair or not FEWEST <= purchases[0] <= purchases[1] < items // 2:
            errors.append(
                f"mini_purchases={purchases}, mini_items={items}: must be whole numbers [fewest, most], from {FEWEST} "
                "to less than half of the items."
            )
        if errors:
            raise ConfigError("\n".join(errors))
        return cls(**values | {"seed": int(seed), "users": int(users), "items": int(items)})

    def keys(self) -> dict[str, Any]:
        """The keys of the configuration that say the same, as JSON values."""
        return {f"mini_{name}": value for name, value in asdict(self).items()}
