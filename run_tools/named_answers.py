"""What is recommended, with the names of users and items, as JSON can hold it."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from mmrec_host.printable import printable

from .catalogue import Catalogue
from .new_item import NewItem
from .recommendation import Scored

Answer = dict[str, Any]


def for_user(names: Catalogue, user: int, ranked: Scored, taken: Sequence[int]) -> Answer:
    """Who it is, `items` with scores, and what was `taken` before."""
    before = [names.item(item) for item in taken]
    return {**names.users.fields(user), "items": scored_items(names, ranked), "taken": before}


def for_taken(names: Catalogue, taken: Sequence[int], ranked: Scored) -> Answer:
    """What was `taken` by somebody who is no user of the run, and `items` with scores."""
    return {"taken": [names.item(item) for item in taken], "items": scored_items(names, ranked)}


def like_item(names: Catalogue, item: int, ranked: Scored) -> Answer:
    """The item, and the `items` like it with scores."""
    return {**names.item(item), "items": scored_items(names, ranked)}


def for_new_item(names: Catalogue, found: NewItem) -> Answer:
    """The nearest `items` and the likeliest `users`, with scores."""
    users = [{**names.users.fields(user), "score": score} for user, score in found.users]
    return {"items": scored_items(names, found.items), "users": users}


def scored_items(names: Catalogue, ranked: Scored) -> list[Answer]:
    """Items with their names and scores."""
    return [{**names.item(item), "score": score} for item, score in ranked]


def as_json(answer: Any) -> str:
    """A line of JSON; what could command a terminal is escaped as JSON has it."""
    text = json.dumps(answer, ensure_ascii=False)
    return "".join(json.dumps(x)[1:-1] if printable(x) != x else x for x in text) if printable(text) != text else text
