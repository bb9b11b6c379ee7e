"""Texts without the HTML that shops leave in them."""

from __future__ import annotations

import html
import re

TAGS = (
    "a|abbr|address|article|b|big|blockquote|body|br|button|caption|center|cite|code|dd|del|div|dl|dt|em|embed|figure|"
    "font|footer|form|h[1-6]|head|header|hr|html|i|iframe|img|input|ins|label|li|link|main|meta|nav|noscript|object|ol|"
    "option|p|param|pre|q|s|script|section|select|small|source|span|strike|strong|style|sub|sup|svg|table|tbody|td|"
    "tfoot|th|thead|title|tr|tt|u|ul|video"
)
UNSEEN = re.compile(r"<(script|style|head|svg)\b[^<>]*>.*?</\1\s*>|<!--.*?-->", re.I | re.S)
TAG = re.compile(rf"</?(?:{TAGS})(?:\s[^<>]*|/)?(?:>|$)", re.I)  # the end of a text may cut one off
INLINE = re.compile(r"</?(?:a|abbr|b|big|em|font|i|s|small|span|strong|sub|sup|tt|u)(?:\s[^<>]*)?>", re.I)
ENTITY = re.compile(r"&(?:#\d{1,7}|#[xX][0-9a-fA-F]{1,6}|[a-zA-Z][a-zA-Z0-9]{1,31});")
MOST_ESCAPED = 3  # times that a text was escaped on its way, at most


def without_markup(text: str) -> str:
    """`text` without tags, scripts and comments, entities as the signs that they name, in one line.

    Signs that only look like a tag stay: `a < b`, `<3`, `<unknown>`.
    """
    if "<" not in text and "&" not in text:
        return text
    for _ in range(MOST_ESCAPED):
        shown = UNSEEN.sub(" ", text)
        shown = TAG.sub(" ", INLINE.sub("", shown))
        shown = ENTITY.sub(lambda found: html.unescape(found[0]), shown)
        if shown == text:
            break
        text = shown
    return " ".join(text.split())
