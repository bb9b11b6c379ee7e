"""A page as the standard library's HTML parser sees it."""

from __future__ import annotations

from html.parser import HTMLParser
from typing import Any

VOID = {"br", "img", "link", "meta"}


class Element:
    """An element with its children, which are elements and texts."""

    def __init__(self, name: str, attributes: dict[str, str | None]) -> None:
        self.name, self.attributes = name, attributes
        self.children: list[Any] = []

    @property
    def text(self) -> str:
        return "".join(child if isinstance(child, str) else child.text for child in self.children)

    def all(self, name: str | None = None, class_: str | None = None, **attributes: str) -> list[Element]:
        """The elements in this one, in their order, with this name, one of these classes and these attributes."""
        found = []
        for child in self.children:
            if isinstance(child, str):
                continue
            fits = name in (None, child.name) and class_ in (None, *(child.attributes.get("class") or "").split())
            if fits and all(child.attributes.get(key) == value for key, value in attributes.items()):
                found.append(child)
            found += child.all(name, class_, **attributes)
        return found


class Reader(HTMLParser):
    """Builds the elements; an end tag that closes no open element is an error, and so is one that is missing."""

    def __init__(self) -> None:
        super().__init__()
        self.root = Element("", {})
        self.open = [self.root]

    def handle_starttag(self, tag, attrs):
        element = Element(tag, dict(attrs))
        assert len(attrs) == len(element.attributes), f"<{tag}> has an attribute twice"
        self.open[-1].children.append(element)
        if tag not in VOID:
            self.open.append(element)

    def handle_endtag(self, tag):
        assert self.open[-1].name == tag, f"</{tag}> where <{self.open[-1].name}> is open"
        self.open.pop()

    def handle_data(self, data):
        self.open[-1].children.append(data)


def read_page(html: str) -> Element:
    """The document."""
    reader = Reader()
    reader.feed(html)
    reader.close()
    assert reader.open == [reader.root], f"<{reader.open[-1].name}> is not closed"
    return reader.root
