"""The frame of an HTML page that is one file and needs nothing else: head, style, links to its parts."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Mapping
from importlib.resources import files
from string import Template

from .markup import Markup, tag


def fill_frame(title: str, parts: Mapping[str, str], body: Markup, command: str, symbols: Markup | None = None) -> str:
    """The whole page.

    Args:
        parts: id of an element of the body -> what its link is called.
        command: that made the page.
        symbols: what the body's pictures are drawn from.
    """
    folder = files(__package__)
    style = (folder / "page.css").read_text(encoding="utf-8")
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    policy = f"default-src 'none'; style-src 'sha256-{digest}'; img-src data:; base-uri 'none'; form-action 'none'"
    return Template((folder / "page.html").read_text(encoding="utf-8")).substitute(
        policy=tag("meta", http_equiv="Content-Security-Policy", content=policy),
        title=tag("title", title),
        style=style,
        heading=tag("h1", title),
        links=tag("ul", [tag("li", tag("a", words, href=f"#{name}")) for name, words in parts.items()]),
        body=body,
        maker=tag("p", "Made by ", tag("code", command), "."),
        pictures=symbols or Markup(),
    )
