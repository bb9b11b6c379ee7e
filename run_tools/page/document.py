"""The whole page of `ptmrec show`."""

from __future__ import annotations

from mmrec_host.errors import DataError

from .cards import Cards
from .frame import fill_frame
from .groups_section import write_groups
from .markup import Markup
from .neighbours_section import write_neighbours
from .page_content import PageContent
from .summary_section import write_summary
from .thumbnails import Thumbnail, make_thumbnails
from .users_section import write_users

LARGEST = 8_000_000  # bytes of a page
FRAME, SYMBOL = 20_000, 200  # bytes at most of what is around the body, and around each picture
LINKS = {
    "summary": "Summary",
    "users": "Users",
    "neighbours": "Neighbours",
    "popularity": "Popularity",
    "category": "Categories",
}


def write_page(shown: PageContent) -> str:
    """The page; pictures get smaller where it would be larger than 8 MB.

    Raises:
        DataError: it would be larger even with the smallest pictures.
    """
    cards = Cards(shown.content)
    sections = [write_summary(shown), write_users(shown, cards), write_neighbours(shown, cards), *write_groups(shown)]
    body = Markup("\n".join(sections))
    thumbnails: dict[int, Thumbnail] | None = {}
    raw = shown.content.raw
    if raw is not None and cards.pictured:
        budget = LARGEST - len(body.encode()) - FRAME - SYMBOL * len(cards.pictured)
        thumbnails = make_thumbnails(raw, cards.pictured, budget)
    page = fill_frame(_title(shown), LINKS, body, "ptmrec show", Cards.symbols(thumbnails or {}))
    if thumbnails is None or len(page.encode()) > LARGEST:
        raise DataError(
            f"The page would be larger than {LARGEST // 10**6} MB: it shows {len(shown.users)} users, "
            f"{len(shown.items)} items and {len(cards.pictured)} pictures. Show less with --users and --items."
        )
    return page


def _title(shown: PageContent) -> str:
    models = [side.run.record.info["model"] for side in shown.sides]
    subject = " and ".join(dict.fromkeys(models))
    runs = "Two runs of " if len(models) == 2 and models[0] == models[1] else ""
    return f"{runs}{subject} on {shown.sides[0].run.dataset.name}"
