"""What a report or a page is made of, before it is written as Markdown or HTML."""

from __future__ import annotations

from dataclasses import dataclass

from mmrec_host.reporting.cells import Table


@dataclass(frozen=True)
class Heading:
    """Of a part (level 2) or of what is in it (level 3)."""

    text: str
    level: int = 2


@dataclass(frozen=True)
class Paragraph:
    """Running text."""

    text: str


@dataclass(frozen=True)
class Bullets:
    """A list of short texts."""

    texts: list[str]


@dataclass(frozen=True)
class Code:
    """Commands as they are typed."""

    text: str


@dataclass(frozen=True)
class Picture:
    """A file beside the report, and what it shows in words."""

    file: str
    shows: str


Block = Heading | Paragraph | Bullets | Code | Picture | Table
