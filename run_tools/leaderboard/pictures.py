"""What the rows gain against the time that they take."""

from __future__ import annotations

from pathlib import Path

from mmrec_host.errors import ConfigError
from mmrec_host.reporting.cells import Table
from mmrec_host.reporting.scatter import draw_scatter

from ..page.blocks import Block, Picture


def cost_picture(table: Table, metric: str, path: Path) -> list[Block]:
    """A point a row, its time against `metric`; nothing where matplotlib is not installed or no time is known."""
    try:
        draw_scatter(table, ["time", metric], path)
    except ConfigError:
        return []
    return [Picture(path.name, f"test {metric} against seconds of training, a point for each row")]
