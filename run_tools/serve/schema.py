"""What requests and answers look like, for the service's description (OpenAPI) and the checks of requests."""

from __future__ import annotations

from typing import Annotated

from fastapi import Query
from pydantic import BaseModel, Field, StringConstraints

LONGEST_LIST, LONGEST_NAME, LONGEST_TEXT, MOST_TAKEN = 1000, 200, 10_000, 200

Name = Annotated[str, StringConstraints(min_length=1, max_length=LONGEST_NAME)]
Text = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=LONGEST_TEXT)]
K = Annotated[int, Query(ge=1, le=LONGEST_LIST, description="length of the list")]
IncludeTaken = Annotated[bool, Query(description="also items taken before")]


class Item(BaseModel):
    """An item by its index, and its original id and title where they are known."""

    item: int
    item_id: str | None = None
    title: str | None = None


class ScoredItem(Item):
    """An item with its score."""

    score: float


class ScoredUser(BaseModel):
    """A user by the index, and the original id where it is known, with the score."""

    user: int
    user_id: str | None = None
    score: float


class Recommended(BaseModel):
    """What is recommended, best first, and what was taken before."""

    user: int | None = None
    user_id: str | None = None
    items: list[ScoredItem]
    taken: list[Item]


class Similar(Item):
    """An item, and those like it."""

    items: list[ScoredItem]


class Found(BaseModel):
    """A text, and the items nearest to it."""

    text: str
    items: list[ScoredItem]


class NewItem(BaseModel):
    """An item that the catalogue does not have; one of the two suffices."""

    text: str = Field("", max_length=LONGEST_TEXT)
    image: str = Field("", description="a picture file (JPEG, PNG, WEBP, GIF or BMP), as base64")
    k: int = Field(10, ge=1, le=LONGEST_LIST)


class Placed(BaseModel):
    """The nearest items, and the users most likely to take the new one."""

    items: list[ScoredItem]
    users: list[ScoredUser]


class Served(BaseModel):
    """Which run is served."""

    run: str
    model: str
    dataset: str
    users: int
    items: int


class Fault(BaseModel):
    """Why there is no answer."""

    error: str
