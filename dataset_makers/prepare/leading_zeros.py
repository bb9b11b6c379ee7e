"""Ids that lost their leading zeros in one of two places, as in a program that takes them for numbers."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import TypeVar

from .faults import Faults

T = TypeVar("T")


def by_number(ids: Collection[str]) -> dict[str, str]:
    """Id without leading zeros -> id; empty where two ids would be the same."""
    found = {item.lstrip("0") or "0": item for item in ids}
    return found if len(found) == len(ids) else {}


def without_zeros(
    wanted: Collection[str], described: Mapping[str, T], faults: Faults
) -> tuple[dict[str, T], dict[str, T]]:
    """Of what is described by ids, none of them wanted: what is after all, and the rest; by ids as they are wanted."""
    ours, theirs = by_number(wanted), by_number(described)
    shared = ours.keys() & theirs.keys()
    for number in sorted(shared):
        faults.add("id matched without its leading zeros", f"{ours[number]} is {theirs[number]} in the items")
    found = {ours[number]: described[theirs[number]] for number in shared}
    taken = {theirs[number] for number in shared}
    return found, {item: row for item, row in described.items() if item not in taken}
