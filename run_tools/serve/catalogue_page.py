"""/: a page to search and click through the catalogue; one file, which asks no other server for anything."""

from __future__ import annotations

import base64
import hashlib
import re
from functools import cache
from importlib.resources import files


@cache
def catalogue_page() -> str:
    """The page as it is sent."""
    return (files(__package__) / "page.html").read_text(encoding="utf-8")


def _digest(element: str) -> str:
    """How a policy names the one style or script of the page."""
    found = re.search(f"<{element}>(.*?)</{element}>", catalogue_page(), re.DOTALL)
    assert found is not None
    return f"'sha256-{base64.b64encode(hashlib.sha256(found[1].encode()).digest()).decode()}'"


POLICY = (
    f"default-src 'none'; script-src {_digest('script')}; style-src {_digest('style')}; img-src 'self' blob: data:; "
    "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
"""The Content-Security-Policy that it is sent with."""
