"""Some users: what they took, what each run recommends, what the test split holds."""

from __future__ import annotations

from .cards import Card, Cards
from .gather import Gathered
from .markup import Markup, tag
from .summary_section import metric_name
from .users import RECOMMENDED, Recommendations, User

MOST_TAKEN = 10
MOST_HELD = 20


def write_users(shown: Gathered, cards: Cards) -> Markup:
    """A part that opens and closes for each user; the first is open."""
    told = (
        f"Drawn with seed {shown.seed}. ✓ marks a recommendation that the test split holds. An item of the test split "
        "that is no hit may still please: nobody asked the user."
    )
    users = [_user(shown, user, cards, is_open=number == 0) for number, user in enumerate(shown.users)]
    return tag("section", tag("h2", "Users"), tag("p", told), users, id="users")


def _user(shown: Gathered, user: User, cards: Cards, is_open: bool) -> Markup:
    hits = [sum(0 < place <= RECOMMENDED for place in run.places) for run in user.runs]
    names = [side.name for side in shown.sides]
    said = ", ".join(f"{name}: {n}".removeprefix(": ") for name, n in zip(names, hits))
    line = f"hits among the first {min(RECOMMENDED, shown.sides[0].ranked.shape[1])}: {said}"
    head = tag(
        "summary",
        tag("h3", f"User {user.number}"),
        " ",
        tag("span", f"{user.why} · {len(user.held)} in the test split · {line}"),
    )
    parts = [
        _taken(user, cards),
        tag("div", [_run(shown, user, i, cards) for i in range(len(names))], class_="columns"),
    ]
    return tag("details", head, parts, _held(user, names, cards), open=is_open)


def _taken(user: User, cards: Cards) -> Markup:
    shown = user.taken[-MOST_TAKEN:]
    left = len(user.taken) - len(shown)
    more = f" (the last {len(shown)} of {len(user.taken)})" if left else ""
    if not shown:
        return tag("p", "Took nothing in the training split.")
    return tag("div", tag("h4", f"Took{more}"), cards.strip([Card(i) for i in shown], f"User {user.number} took"))


def _run(shown: Gathered, user: User, number: int, cards: Cards) -> Markup:
    side, run = shown.sides[number], user.runs[number]
    held = set(user.held)
    listed = [Card(i, "hit" if i in held else "", f"{place}.") for place, i in enumerate(run.items, start=1)]
    title = f"Recommended by {side.name}" if side.name else "Recommended"
    value = tag("span", f"{metric_name(shown.metric)} {run.value:.3f}", class_="value")
    strip = cards.strip(listed, f"{title} to user {user.number}", ordered=True)
    return tag("div", tag("h4", title, " ", value), strip)


def _held(user: User, names: list[str], cards: Cards) -> Markup:
    order = sorted(range(len(user.held)), key=lambda n: min(run.places[n] or 10**9 for run in user.runs))
    listed = []
    for n in order[:MOST_HELD]:
        found = any(0 < run.places[n] <= RECOMMENDED for run in user.runs)
        said = "; ".join(_place(name, run, n) for name, run in zip(names, user.runs))
        listed.append(Card(user.held[n], "hit" if found else "missed", said))
    more = f" ({MOST_HELD} of {len(order)}, best placed first)" if len(order) > MOST_HELD else ""
    strip = cards.strip(listed, f"The test split holds for user {user.number}")
    return tag("div", tag("h4", f"The test split holds{more}"), strip)


def _place(name: str, run: Recommendations, n: int) -> str:
    return f"{name} place {run.places[n]}".strip() if run.places[n] else f"{name} not ranked".strip()
