"""The learning curves of all rows in one picture."""

from __future__ import annotations

import logging
import textwrap
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from mmrec_host.reporting.rows import Row
from mmrec_host.runs.record import RunRecord

from ..page.blocks import Block, Paragraph, Picture

log = logging.getLogger(__name__)

WIDTH, HEIGHT = 4.6, 3.4  # inches: on a telephone, where it is scaled down, its letters can still be read
NAME = 44  # characters of a line of the legend
STYLES = ("-", "--", ":", "-.")


def draw_curves(rows: Sequence[Row], metric: str, path: Path) -> list[Block]:
    """Write the picture: validation `metric` by epoch over all phases, a line a row, a band over its seeds.

    Nothing, with a word in the log, where matplotlib is not installed or nothing was evaluated.
    """
    curves = {row.label: [_curve(run, metric) for run in row.runs] for row in rows}
    curves = {label: [seed for seed in seeds if len(seed[0])] for label, seeds in curves.items()}
    curves = {label: seeds for label, seeds in curves.items() if seeds}
    if not curves:
        return []
    try:
        import matplotlib
        from matplotlib.figure import Figure
    except ImportError:
        log.info("no pictures: matplotlib is not installed (pip install 'ptmrec[plot]')")
        return []
    with matplotlib.rc_context({"svg.hashsalt": "ptmrec", "text.parse_math": False, "font.size": 9}):
        figure = Figure(figsize=(WIDTH, HEIGHT + 0.22 * len(curves)), layout="constrained")
        plot = figure.subplots()
        for number, (label, seeds) in enumerate(curves.items()):
            for turn, (epochs, values) in enumerate(seeds):
                plot.plot(
                    epochs,
                    values,
                    label=textwrap.fill(label, NAME) if turn == 0 else None,
                    color=f"C{number % 10}",
                    linestyle=STYLES[number // 10 % len(STYLES)],
                    linewidth=1.2 if turn == 0 else 0.5,
                    marker="." if len(values) == 1 else "",
                )
        plot.set(xlabel="epoch, over all phases", ylabel=f"validation {metric}")
        plot.spines[["top", "right"]].set_visible(False)
        figure.legend(loc="outside lower left", frameon=False, fontsize=8)
        figure.savefig(path, metadata={"Date": None})
    words = (
        "A line a row; further seeds of it are thin. What a stage 1 found from an earlier run is shown with the run."
    )
    return [Picture(path.name, f"validation {metric} by epoch, a line for each row"), Paragraph(words)]


def _curve(run: RunRecord, metric: str) -> tuple[np.ndarray, np.ndarray]:
    """Places of the evaluated epochs over all phases, and the metric there."""
    known = [
        (place, line["valid"][metric])
        for place, line in enumerate(run.epochs(), 1)
        if (line.get("valid") or {}).get(metric) is not None
    ]
    return tuple(np.array(each) for each in zip(*known, strict=True)) if known else (np.empty(0), np.empty(0))  # type: ignore[return-value]
