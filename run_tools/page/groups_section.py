"""Gains and losses by popularity and by category; with one run, its hits."""

from __future__ import annotations

from .chart import SYMBOLS, Bar, draw_bars
from .estimates import FEWEST_USERS
from .groups import Group
from .markup import Markup, tag
from .page_content import PageContent
from .summary_section import data_table, signed, with_margin

VERDICTS = {"better": "B better", "worse": "B worse", "unclear": "no clear difference", "too few": "too few users"}


def write_groups(shown: PageContent) -> list[Markup]:
    """The two parts."""
    counted = "the training split" if shown.in_training else "all splits, as no item tested has a training row"
    popularity = f"By how often the item was taken, counted in {counted}; about equally many test interactions each."
    return [
        _section(shown, "popularity", popularity, shown.popularity),
        _section(shown, "category", _about_categories(shown), shown.categories),
    ]


def _about_categories(shown: PageContent) -> str:
    if not shown.categories:
        return (
            "The dataset has no categories: no line of its items.jsonl has a category, categories, genres or genre. "
            "Another key can be named with --category-field."
        )
    left = f" {shown.n_categories_left} with fewer are left out." if shown.n_categories_left else ""
    return (
        f"By the item's {shown.content.category_field}, most test interactions first; an item counts in each of its "
        f"categories.{left}"
    )


def _section(shown: PageContent, name: str, about: str, groups: list[Group]) -> Markup:
    pair = len(shown.sides) == 2
    title = f"{'Gains and losses' if pair else 'Hits'} by {name}"
    parts = [tag("h2", title), tag("p", about)]
    if groups:
        parts += [tag("p", _reading(shown)), tag("div", _chart(title, groups), _table(title, groups), class_="figure")]
    return tag("section", parts, id=name)


def _reading(shown: PageContent) -> str:
    share = f"the share of the test interactions whose item is among the first {shown.cutoff}"
    if len(shown.sides) == 2:
        return (
            f"Drawn: {share}, B less A. Lines: 95 % intervals, each for itself, over users. {SYMBOLS['better']} and "
            f"{SYMBOLS['worse']} mark what stays clear after Holm’s correction over the groups shown; a circle is no "
            f"clear difference. Groups of fewer than {FEWEST_USERS} users are not judged."
        )
    return (
        f"Drawn: {share}, with 95 % intervals over users, where they are {FEWEST_USERS} or more. Gains and losses need "
        "a second run to compare with, of PTMRec the same with mode=frozen: ptmrec show --run FROZEN --run THIS."
    )


def _chart(title: str, groups: list[Group]) -> Markup:
    bars = []
    for group in groups:
        drawn = group.difference or group.shares[0]
        low, high = drawn.value - drawn.margin, drawn.value + drawn.margin
        if group.difference is None:
            low, high = max(low, 0.0), min(high, 1.0)
        written = f"{drawn.value:+.3f}".replace("-", "−") if group.difference else f"{drawn.value:.3f}"
        interval = (low, high) if _judged(group) else None
        bars.append(Bar(group.name, drawn.value, interval, written, group.verdict or ""))
    return draw_bars(bars, f"{title}: a picture of the table beside it")


def _judged(group: Group) -> bool:
    return group.n_users >= FEWEST_USERS


def _table(title: str, groups: list[Group]) -> Markup:
    pair = groups[0].difference is not None
    rows: list[list[str | Markup]] = []
    for group in groups:
        if group.difference is None or group.verdict is None:
            values = [with_margin(group.shares[0], _judged(group))]
        else:
            values = [
                signed(group.difference, _judged(group)),
                VERDICTS[group.verdict],
                *(f"{x.value:.4f}" for x in group.shares),
            ]
        rows.append([group.name, *values, f"{group.n_pairs:,}", f"{group.n_items:,}", f"{group.n_users:,}"])
    head = ["Group", *(["B − A", "verdict", "A", "B"] if pair else ["found"]), "interactions", "items", "users"]
    return data_table(title, head, rows)
