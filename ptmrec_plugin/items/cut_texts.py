"""Texts that are longer than an encoder reads: how many, and how much of them is lost."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from statistics import median

from torch import Tensor

MOST_MEASURED = 200  # texts of which it is found out how far they are read
BATCH = 512  # texts at once

Tokenize = Callable[[Sequence[str]], Tensor]


def describe_cut(tokenize: Tokenize, texts: Sequence[str]) -> str | None:
    """What to say of texts that are cut; None if none is."""
    cut = [n for start in range(0, len(texts), BATCH) for n in _cut(tokenize, texts[start : start + BATCH], start)]
    if not cut:
        return None
    read = median(share_read(tokenize, texts[n]) for n in cut[:MOST_MEASURED])
    some = ", ".join(map(str, cut[:3]))
    return (
        f"{len(cut):,} of {len(texts):,} texts are longer than the encoder reads, and are cut: of such a text "
        f"{read:.0%} is read (the median); items {some}{', …' if len(cut) > 3 else ''}. What comes first counts: "
        "--text of `ptmrec prepare` (text_fields of Amazon's) says in which order columns make a text."
    )


def _cut(tokenize: Tokenize, texts: Sequence[str], start: int) -> list[int]:
    """Numbers of the texts whose last word changes no token, as they end before it."""
    shorter = [text.rpartition(" ")[0] for text in texts]
    tokens, before = tokenize([*texts, *shorter]).chunk(2)  # at once: some pad to the longest of the texts given
    same = (tokens == before).all(1).tolist()
    return [start + n for n, (text, equal) in enumerate(zip(shorter, same)) if equal and text]


def share_read(tokenize: Tokenize, text: str) -> float:
    """The share of a text's words that its tokens depend on, by bisection."""
    words = text.split()
    low, high = 0, len(words)  # the least number of words that has the same tokens
    while low < high:
        middle = (low + high) // 2
        part, whole = tokenize([" ".join(words[:middle]), text])
        if part.equal(whole):
            high = middle
        else:
            low = middle + 1
    return low / len(words)
