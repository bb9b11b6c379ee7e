"""Which column of a table means what: named by the user, or guessed from its name."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from pathlib import Path

from mmrec_host.errors import ConfigError
from mmrec_host.registry import nearest

ITEM_NAMES = (
    "itemid item iid asin parentasin productid product sku movieid bookid articleid trackid newsid goodsid videoid"
)
# Meaning, called as its flag -> names that are taken for it, without case, spaces and signs; the first that is there.
GUESSES = {
    "user": "userid user uid reviewerid customerid customer visitorid memberid accountid",
    "item": ITEM_NAMES,
    "rating": "rating overall score stars",
    "time": "timestamp unixreviewtime unixtime time ts datetime date createdat reviewtime purchasedat",
    "id": f"{ITEM_NAMES} id",
    "title": "title name productname itemname producttitle",
    "image": "image imageurl imurl img imgurl picture photo imagefile imagepath poster posterurl thumbnail",
    "category": "category categories genres genre",
}
TEXT_GUESSES = "title name productname itemname producttitle brand category categories genres description overview text"


def choose(
    path: Path, columns: Collection[str], named: Mapping[str, str | None], required: Collection[str]
) -> dict[str, str]:
    """Meaning -> column, for each meaning in `named` that the table has; the user's name goes before a guess.

    Raises:
        ConfigError: a column that the user named is not there, or a required one cannot be guessed.
    """
    chosen: dict[str, str] = {}
    by_name = folded(columns)
    for meaning, name in named.items():
        if name is not None:
            chosen[meaning] = require(path, columns, name, f"--{meaning}")
        else:
            guess = next((by_name[word] for word in GUESSES[meaning].split() if word in by_name), None)
            if guess is not None:
                chosen[meaning] = guess
    missing = [meaning for meaning in required if meaning not in chosen]
    if missing:
        flags = " and ".join(f"--{meaning} COLUMN" for meaning in missing)
        raise ConfigError(
            f"{path}: no column looks like {' or '.join(missing)}; there are {', '.join(columns)}. Name it: {flags}."
        )
    return chosen


def text_columns(path: Path, columns: Collection[str], named: Collection[str] | None) -> list[str]:
    """The columns that make an item's text: those that the user named, or those whose names look like it."""
    if named is not None:
        return [require(path, columns, name, "--text") for name in named]
    by_name = folded(columns)
    return [by_name[word] for word in TEXT_GUESSES.split() if word in by_name]


def require(path: Path, columns: Collection[str], name: str, flag: str) -> str:
    """`name`, if it is a column; `ConfigError` otherwise."""
    if name in columns:
        return name
    raise ConfigError(
        f"{flag} {name}: {path} has no such column{nearest(name, columns)} There are {', '.join(columns)}."
    )


def folded(columns: Collection[str]) -> dict[str, str]:
    """Names without case and signs, and without RecBole's types (`user_id:token`) -> the first column called so."""
    return {"".join(filter(str.isalnum, name.lower().split(":")[0])): name for name in reversed(list(columns))}
