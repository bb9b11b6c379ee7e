"""A report as Markdown."""

from __future__ import annotations

from collections.abc import Sequence

from mmrec_host.reporting.cells import Table
from mmrec_host.reporting.render import render

from ..page.blocks import Block, Bullets, Code, Heading, Paragraph, Picture


def as_markdown(title: str, blocks: Sequence[Block]) -> str:
    """The whole text."""
    return "\n\n".join([f"# {title}", *map(_written, blocks)]) + "\n"


def _written(block: Block) -> str:
    match block:
        case Heading():
            return f"{'#' * block.level} {block.text}"
        case Paragraph():
            return block.text
        case Bullets():
            return "\n".join(f"- {text}" for text in block.texts)
        case Code():
            return f"```text\n{block.text}\n```"
        case Picture():
            return f"![{block.shows}]({block.file})"
        case Table():
            return render(block, "md")
