"""Ties at a cutoff: the last item that counts and the first that does not have the same score.

Which of the tied items count is then the sort's choice, not the model's, and another program chooses otherwise. So a
model that scores all items alike may look better than chance, or worse.
"""

from __future__ import annotations

from collections.abc import Mapping

ROUNDING = 1e-3
"""Share of users up to which ties are no news. In float32 the scores of different items meet by rounding for one user
in 35,000 (at 50 of 7,050 items with random vectors). A tie changes what stands at a user's one place, so that the mean
of a hit rate moves by no more than the share."""
ARBITRARY = "the scores are tied at the cutoff, so that the sort decides which items count"


def ties_in_words(ties: Mapping[str, float]) -> str | None:
    """Where the most users are tied, as `42 % of users at 20`; None if no more are than rounding explains.

    Args:
        ties: cutoff, or `<ranking>/<cutoff>` -> share of users.
    """
    where, share = max(ties.items(), key=lambda item: item[1], default=("", 0.0))
    if share <= ROUNDING:
        return None
    ranking, _, cutoff = where.rpartition("/")
    return f"{100 * share:.3g} % of users at {cutoff}" + (f" ({ranking})" if ranking else "")
