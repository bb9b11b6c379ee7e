"""Text of others on its way to a terminal, a log or a spreadsheet: shown, and never obeyed."""

from __future__ import annotations

import re
from typing import Any, TextIO

# What moves a cursor, hides text or turns its direction: C0 but tab and line feed, DEL, C1, marks of direction, line
# separators. The codes for bold, of our own tables, may pass.
COMMANDS = re.compile(
    "\x1b\\[[01]m|([\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff])"
)
FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n")


def printable(text: str) -> str:
    """`text` with control characters as they are written in Python: an escape is `\\x1b`."""
    return COMMANDS.sub(lambda match: match[0] if match[1] is None else repr(match[1])[1:-1], text)


def say(text: str, file: TextIO | None = None) -> None:
    """Print text, of whatever origin, as a line."""
    print(printable(text), file=file)  # noqa: T201 (the one place)


def spreadsheet_cell(value: Any) -> Any:
    """A CSV cell that no spreadsheet takes for a formula: such text gets an apostrophe before it; numbers stay."""
    if not isinstance(value, str):
        return value
    text = printable(value)
    return f"'{text}" if value.startswith(FORMULA) and not _is_number(value) else text


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True
