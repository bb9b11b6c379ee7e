"""Cutoffs that so few items can fill: the others are left out, with a note."""

from __future__ import annotations

from dataclasses import replace

from ..data.eval_split import EvalSplit, Splits
from ..data.new_items import NEW
from ..errors import ConfigError
from .options import EvaluationOptions


def n_ranked(split: EvalSplit, n_items: int) -> int:
    """How many of all items are ranked for each user, known ones included."""
    return n_items if split.candidates is None else len(split.candidates)


def fitting(options: EvaluationOptions, split: EvalSplit, n_items: int) -> EvaluationOptions:
    """The options without the cutoffs that the ranked items cannot fill; all cutoffs if none can be filled."""
    cutoffs = tuple(k for k in options.cutoffs if k <= n_ranked(split, n_items))
    return replace(options, cutoffs=cutoffs or options.cutoffs)


def can_rank(options: EvaluationOptions, split: EvalSplit, n_items: int) -> bool:
    """Whether the items fill the smallest cutoff."""
    return options.cutoffs[0] <= n_ranked(split, n_items)


def cutoff_notes(options: EvaluationOptions, splits: Splits, n_items: int) -> list[str]:
    """What is left out, of each ranking of validation and test.

    Raises:
        ConfigError: `valid_metric` is left out where it selects, or nothing remains of a split.
    """
    selecting = [splits.valid] if options.selection != "new" else []
    if options.selection != "warm" and NEW in splits.valid.beside:
        selecting.append(splits.valid.beside[NEW])
    notes = []
    for split in (splits.valid, splits.test):
        for each in (split, *split.beside.values()):
            n, left = n_ranked(each, n_items), [k for k in options.cutoffs if k > n_ranked(each, n_items)]
            rankable = can_rank(options, each, n_items)
            kept = fitting(options, each, n_items).names() if rankable else []
            if any(each is one for one in selecting) and options.valid_metric not in kept:
                raise ConfigError(
                    f"{each.name}: valid_metric={options.valid_metric} cannot be computed of the {n} items that are "
                    f"ranked; known: {', '.join(kept) or 'none'}. Name a metric of at most {n} places, and let topk "
                    "have it, or let more items be ranked."
                )
            if each is split and not rankable:
                raise ConfigError(
                    f"{each.name}: topk={options.cutoffs[0]} or more places cannot be filled from the {n} items that "
                    f"are ranked. Let topk begin with at most {n}, or let more items be ranked."
                )
            if left:
                what = f"topk {', '.join(map(str, left))}" if rankable else "this ranking"
                counted = f"{n} items are" if n > 1 else "one item is"
                notes.append(f"{each.name}: {counted} ranked, so {what} is left out.")
    return notes
