"""Which column of a table means what: named by the user, or guessed from its name."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

from mmrec_host.errors import ConfigError
from mmrec_host.registry import nearest

ITEM_NAMES = (
    "itemid item iid parentasin asin productid product sku movieid bookid articleid trackid artistid newsid goodsid "
    "videoid gameid appid businessid recipeid songid placeid poiid isbn items itemids itemidlist"
)
TITLES = "title name productname itemname producttitle movietitle booktitle prodname appname gamename headline"
TEXTS = "description detaildesc detail overview summary plot abstract text features"
# Meaning, called as its flag -> names that are taken for it, without case, spaces and signs; the first that is there.
GUESSES = {
    "user": "userid user uid reviewerid customerid customer visitorid memberid accountid username",
    "item": ITEM_NAMES,
    "rating": "rating overall score stars bookrating",
    "time": "timestamp unixreviewtime unixtime time ts datetime date createdat reviewtime purchasedat tdat dateadded",
    "label": "xlabel split",
    "id": f"{ITEM_NAMES} id",
    "title": TITLES,
    "image": (
        "imageurlhighres imageurll imagehighres images image imageurl imurl img imgurl picture photo imagefile "
        "imagepath poster posterurl imageurlm cover coverurl thumbnail"
    ),
    "category": "category categories genres genre class",
}
TEXT_GUESSES = f"{TITLES} brand category categories genres class {TEXTS}"
LIST_TYPES = ("token_seq", "float_seq")  # RecBole's, behind a name's colon: values divided by blanks
CHANGE_THE_MEANING = "xlabel split fold label weight event eventtype action behavior behaviour behaviortype click type"
"""Columns without which rows say something else: a split, what a user did, how much it counts."""


def choose(
    path: Path, columns: Collection[str], named: Mapping[str, str | None], required: Collection[str]
) -> dict[str, str]:
    """Meaning -> column, for each meaning in `named` that the table has; the user's name goes before a guess.

    Raises:
        ConfigError: a column that the user named is not there, or a required one cannot be guessed.
    """
    chosen: dict[str, str] = {}
    for meaning, name in named.items():
        found = guesses(columns, meaning) if name is None else [require(path, columns, name, f"--{meaning}")]
        if found:
            chosen[meaning] = found[0]
    missing = [meaning for meaning in required if meaning not in chosen]
    if missing:
        flags = " and ".join(f"--{meaning} COLUMN" for meaning in missing)
        raise ConfigError(
            f"{path}: no column looks like {' or '.join(missing)}; there are {', '.join(columns)}. Name it: {flags}."
        )
    return chosen


def guesses(columns: Collection[str], meaning: str) -> list[str]:
    """The columns whose names look like a meaning, the likeliest first."""
    by_name = folded(columns)
    return [by_name[word] for word in GUESSES[meaning].split() if word in by_name]


def text_columns(path: Path, columns: Collection[str], named: Collection[str] | None) -> list[str]:
    """The columns that make an item's text: those that the user named, or those whose names look like it."""
    if named is not None:
        return [require(path, columns, name, "--text") for name in named]
    by_name = folded(columns)
    return [by_name[word] for word in TEXT_GUESSES.split() if word in by_name]


def require(path: Path, columns: Collection[str], name: str, flag: str) -> str:
    """The column called `name`, with or without RecBole's type, or a member of one (`images.large`).

    Raises:
        ConfigError: there is none.
    """
    if name in columns or name.split(".")[0] in columns:
        return name
    typed = [column for column in columns if column.rpartition(":")[0] == name]
    if typed:
        return typed[0]
    raise ConfigError(
        f"{flag} {name}: {path} has no such column{nearest(name, columns)} There are {', '.join(columns)}."
    )


def value_of(row: Mapping[str, Any], column: str) -> Any:
    """The value in a column; of `images.large` the member `large` of what `images` holds, of each if it is a list."""
    if column in row:
        return row[column]
    name, dot, member = column.partition(".")
    inner = row.get(name)
    if not dot or inner is None:
        return None
    if isinstance(inner, list):
        return [value_of(each, member) for each in inner if isinstance(each, dict)]
    return value_of(inner, member) if isinstance(inner, dict) else None


def holds_list(column: str) -> bool:
    """Whether RecBole's type says that the cells are lists."""
    return column.rpartition(":")[2] in LIST_TYPES


def holds_text(column: str) -> bool:
    """Whether a column is called as texts are."""
    return bool({*folded([column])} & {*TITLES.split(), *TEXTS.split()})


def is_known(column: str) -> bool:
    """Whether a column is called like one of those that are guessed."""
    return any(guesses([column], meaning) for meaning in GUESSES)


def that_change_the_meaning(columns: Collection[str]) -> list[str]:
    """Those of the columns that nobody may leave out without a word."""
    by_name = folded(columns)
    return [by_name[word] for word in CHANGE_THE_MEANING.split() if word in by_name]


def folded(columns: Collection[str]) -> dict[str, str]:
    """Names without case and signs, and without RecBole's types (`user_id:token`) -> the first column called so."""
    return {"".join(filter(str.isalnum, name.lower().split(":")[0])): name for name in reversed(list(columns))}
