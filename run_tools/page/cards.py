"""Items as cards: a picture, the title, and what is said of the item at that place."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from .item_content import ItemContent
from .markup import Markup, tag
from .thumbnails import Thumbnail


@dataclass(frozen=True)
class Card:
    """An item; under its title a few words and a mark such as `hit`, which is its CSS class too."""

    item: int
    words: str = ""
    mark: str = ""


def side_by_side(parts: Sequence[Markup]) -> Markup:
    """The parts in columns where the page is wide enough, else one below the other."""
    return parts[0] if len(parts) == 1 else tag("div", list(parts), class_="columns")


class Cards:
    """Writes cards, and remembers whose pictures they need: each stands in the page once, as a symbol.

    Attributes:
        pictured: the items whose pictures the cards refer to.
    """

    def __init__(self, content: ItemContent) -> None:
        self.content = content
        self.pictured: set[int] = set()
        self._without = content.without_picture()

    def strip(self, cards: Sequence[Card], label: str, ordered: bool = False) -> Markup:
        """A list of cards."""
        return tag("ol" if ordered else "ul", [self._card(card) for card in cards], class_="strip", aria_label=label)

    def _card(self, card: Card) -> Markup:
        title = self.content.title(card.item)
        mark = tag("strong", MARKS[card.mark], class_="mark") if card.mark else None
        said = tag("span", card.words, " " if mark and card.words else None, mark, class_="words")
        body = [self._picture(card.item, title), tag("bdi", title, class_="title", dir="auto"), said]
        return tag("li", body, class_=f"card {card.mark}".strip())

    def _picture(self, item: int, title: str) -> Markup | None:
        if self._without is None:
            return None
        if item in self._without:
            return tag("span", "no picture", class_="picture absent")
        self.pictured.add(item)
        use = tag("use", href=f"#i{item}", width="100%", height="100%")
        return tag("svg", use, class_="picture", role="img", aria_label=f"Picture of {title}")

    @staticmethod
    def symbols(thumbnails: Mapping[int, Thumbnail]) -> Markup:
        """The pictures, invisible where they stand."""
        made = [
            tag(
                "symbol",
                tag("image", href=each.uri, width=each.width, height=each.height),
                id=f"i{item}",
                viewBox=f"0 0 {each.width} {each.height}",
            )
            for item, each in thumbnails.items()
        ]
        return tag("svg", made, class_="symbols", aria_hidden="true", width=0, height=0)


MARKS = {"hit": "✓ hit", "missed": "✗ missed", "new": "+ new", "gone": "− gone"}
