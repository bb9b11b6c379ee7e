"""Some users: what they took, what each run recommends, what the test split holds."""

from __future__ import annotations

from .cards import Card, Cards, side_by_side
from .markup import Markup, tag
from .page_content import PageContent
from .sides import Side
from .summary_section import metric_name
from .users import RECOMMENDED, Recommendations, User

MOST_TAKEN = 10
MOST_HELD = 20


def write_users(shown: PageContent, cards: Cards) -> Markup:
    """A part that opens and closes for each user; the first is open."""
    told = (
        f"Drawn with seed {shown.seed}. A hit is an item of the test split among the first {_shown_places(shown)}; the "
        "numbers are places. What is no hit may still please: nobody asked the user."
    )
    users = [_user(shown, user, cards, is_open=number == 0) for number, user in enumerate(shown.users)]
    return tag("section", tag("h2", "Users"), tag("p", told), users, id="users")


def _user(shown: PageContent, user: User, cards: Cards, is_open: bool) -> Markup:
    names = [side.name for side in shown.sides]
    values = ", ".join(f"{name} {run.value:.3f}".strip() for name, run in zip(names, user.runs))
    line = f"{user.why} · {len(user.held)} in the test split · {metric_name(shown.metric)} {values}"
    head = tag("summary", tag("h3", "User ", tag("bdi", user.name)), " ", tag("span", line))
    runs = side_by_side([_run(shown, user, number, cards) for number in range(len(names))])
    return tag("details", head, _taken(user, cards), runs, _held(shown, user, cards), open=is_open)


def _taken(user: User, cards: Cards) -> Markup:
    shown = user.taken[-MOST_TAKEN:]
    left = len(user.taken) - len(shown)
    more = f"the last {len(shown)} of {len(user.taken)} in" if left else "in"
    if not shown:
        return tag("p", "Took nothing in the training split.")
    strip = cards.strip([Card(item) for item in shown], f"User {user.name} took")
    return tag("div", tag("h4", f"Took, {more} the training split"), strip)


def _run(shown: PageContent, user: User, number: int, cards: Cards) -> Markup:
    side, run = shown.sides[number], user.runs[number]
    held = set(user.held)
    listed = [Card(i, f"{place}.", "hit" if i in held else "") for place, i in enumerate(run.items, start=1)]
    title = f"Recommended by {side.name}" if side.name else "Recommended"
    strip = cards.strip(listed, f"{title} to user {user.name}", ordered=True)
    return tag("div", tag("h4", title), strip)


def _held(shown: PageContent, user: User, cards: Cards) -> Markup:
    order = sorted(range(len(user.held)), key=lambda n: min(run.places[n] or 10**9 for run in user.runs))
    listed = []
    for n in order[:MOST_HELD]:
        found = any(0 < run.places[n] <= RECOMMENDED for run in user.runs)
        said = " · ".join(_place(side, run, n) for side, run in zip(shown.sides, user.runs))
        listed.append(Card(user.held[n], said, "hit" if found else "missed"))
    more = f" ({MOST_HELD} of {len(order)}, best placed first)" if len(order) > MOST_HELD else ""
    strip = cards.strip(listed, f"The test split holds for user {user.name}")
    return tag("div", tag("h4", f"The test split holds{more}"), strip)


def _place(side: Side, run: Recommendations, n: int) -> str:
    """The place of the n-th item of the test split, or that it lies beyond those that were ranked."""
    place = run.places[n] or f"> {side.ranked.shape[1]}"
    return f"{side.name or 'place'} {place}"


def _shown_places(shown: PageContent) -> int:
    return min(RECOMMENDED, shown.sides[0].ranked.shape[1])
