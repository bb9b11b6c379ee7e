"""HTML and SVG elements, written so that nothing is left unescaped."""

from __future__ import annotations

import html
import re
from typing import Any

VOID = {"br", "img", "link", "meta"}
CONTROLS = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f]")  # not allowed in HTML


class Markup(str):
    """Text that is HTML already."""


def tag(name: str, *children: Any, **attributes: Any) -> Markup:
    """The element `<name attributes>children</name>`.

    Args:
        children: `Markup` stays as it is, lists are joined, None is left out, everything else is escaped.
        attributes: `aria_label` is written `aria-label`, `class_` is `class`; None and False are left out, True is
            written without a value.
    """
    written = "".join(_attribute(key.rstrip("_").replace("_", "-"), value) for key, value in attributes.items())
    start = f"<{name}{written}>"
    return Markup(start if name in VOID else f"{start}{join(children)}</{name}>")


def join(children: Any) -> Markup:
    """The children of an element one after another; see `tag`."""
    if children is None or isinstance(children, Markup):
        return children or Markup()
    if isinstance(children, list | tuple):
        return Markup("".join(map(join, children)))
    return Markup(_escaped(children))


def shorten(text: str, length: int) -> str:
    """The text in one line of at most so many characters."""
    line = " ".join(text.split())
    return line if len(line) <= length else f"{line[: length - 1].rstrip()}…"


def _attribute(name: str, value: Any) -> str:
    if value is None or value is False:
        return ""
    return f" {name}" if value is True else f' {name}="{_escaped(value)}"'


def _escaped(value: Any) -> str:
    return html.escape(CONTROLS.sub("\N{REPLACEMENT CHARACTER}", str(value)))
