"""A few rankings on which libraries differ, made for people to check by hand: ten items, cut after five places."""

from __future__ import annotations

from typing import Any

K = 5
ITEMS = tuple(range(1, 11))
FALLING = tuple(1 - place / 20 for place in range(10))


def user(ranked: list[int], relevant: list[int], scores: tuple[float, ...] = FALLING) -> dict[str, Any]:
    """One user: `[item, score]` pairs in the order in which the recommender gave them, and the relevant items."""
    return {"ranked": [[item, score] for item, score in zip(ranked, scores)], "relevant": relevant}


ORDER = [4, 7, 2, 9, 1, 3, 10, 5, 8, 6]
PLAIN = user(ORDER, [7, 1])
RANKINGS: dict[str, list[dict[str, Any]]] = {
    "two relevant items, at places 2 and 5": [PLAIN],
    "seven relevant items, more than places": [user(ORDER, [7, 1, 3, 5, 8, 9, 6])],
    "a list of three items, with one of two relevant ones at place 2": [user(ORDER[:3], [7, 1])],
    "places 2 to 9 have the same score; of three relevant items one was listed second, the others sixth and ninth": [
        user(ORDER, [7, 3, 8], (0.9, *[0.5] * 8, 0.1))
    ],
    "the same, but the scores differ, by 1e-9 of 1: too little for float32": [
        user(ORDER, [7, 3, 8], (2.0, *(1 - n * 1e-9 for n in range(8)), 0.1))
    ],
    "A with all scores below 0": [user(ORDER, [7, 1], tuple(score - 1.5 for score in FALLING))],
    "A, and a second user who has no relevant items": [PLAIN, user(list(ITEMS), [])],
}
"""What is special -> users; by letters from A. All ten items are ranked if nothing else is said, by falling scores."""
