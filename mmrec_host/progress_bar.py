"""The progress bar of long work, on terminals only."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from tqdm import tqdm


def progress_bar(
    description: str,
    unit: str,
    total: int | None,
    *,
    shown: bool,
    over: Iterable[Any] | None = None,
    initial: int = 0,
    leave: bool = True,
    position: int | None = None,
) -> tqdm:
    """A bar that is advanced by `update`, or by iterating when it stands `over` something.

    Args:
        description: what is going on, in a word or two.
        unit: what is counted, in the singular; bytes ("B") are shown as kB, MB and so on.
        total: how many there will be, or None.
        shown: whether to show it where stderr is a terminal; elsewhere nothing is shown in any case.
        initial: how many are done already.
        leave: whether the bar stays when it ends.
        position: line of a bar below others, from 0.
    """
    return tqdm(
        over,
        desc=description,
        unit=unit,
        total=total,
        initial=initial,
        leave=leave,
        position=position,
        unit_scale=unit == "B",
        disable=None if shown else True,
    )
