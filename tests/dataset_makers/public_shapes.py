"""Small made-up files in the shapes in which data sets are published and exported."""

from __future__ import annotations

import json
import random
from collections.abc import Iterable
from pathlib import Path
from typing import Any

N_USERS, N_ITEMS, N_ROWS = 14, 12, 112


def pairs(n_users: int = N_USERS, n_items: int = N_ITEMS, k: int = 8) -> list[tuple[int, int, int, int]]:
    """User, item, rating and seconds, a user's in the order of time."""
    rng, rows = random.Random(3), []
    for user in range(n_users):
        for n, item in enumerate(sorted(rng.sample(range(n_items), k))):
            rows.append((user, item, rng.choice([3, 4, 5]), 1_400_000_000 + user * 1000 + n * 86_400))
    return rows


def by_user() -> dict[str, list[int]]:
    """The items of each user."""
    found: dict[str, list[int]] = {}
    for user, item, *_ in pairs():
        found.setdefault(str(user), []).append(item)
    return found


def write(path: str | Path, lines: Iterable[str]) -> str:
    """A text file of lines; its name."""
    Path(path).parent.mkdir(parents=True, exist_ok=True)
    Path(path).write_text("\n".join(lines) + "\n", encoding="utf-8")
    return str(path)


def write_objects(path: str | Path, rows: Iterable[dict[str, Any]]) -> str:
    """A file of JSON lines; its name."""
    return write(path, map(json.dumps, rows))


def interactions_csv(path: str = "log.csv") -> str:
    """A plain table with a header."""
    return write(path, ["user,item,rating,timestamp", *(",".join(map(str, row)) for row in pairs())])


def items_csv(path: str = "items.csv") -> str:
    """A plain table of items."""
    return write(path, ["id,title,description", *(f"{n},Item {n},about {n}" for n in range(N_ITEMS))])


def prepared(name: str) -> tuple[list[tuple[str, str, str]], list[dict[str, Any]]]:
    """Raw user, raw item and label of the rows of a prepared dataset, sorted; and its items."""
    home = Path("data") / name
    maps = [
        dict(line.split("\t")[::-1] for line in (home / f"{kind}_id_mapping.csv").read_text().splitlines()[1:])
        for kind in "ui"
    ]
    rows = [line.split("\t") for line in (home / f"{name}.inter").read_text().splitlines()[1:]]
    items = [json.loads(line) for line in (home / "items.jsonl").read_text().splitlines()]
    return sorted((maps[0][row[0]], maps[1][row[1]], row[4]) for row in rows), items
