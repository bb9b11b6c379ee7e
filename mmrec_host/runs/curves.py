"""The learning curve of a run, as a picture."""

from __future__ import annotations

import logging
import textwrap
from itertools import groupby
from pathlib import Path

from .record import RunRecord

log = logging.getLogger(__name__)
TITLE_WIDTH = 80  # characters


def draw_curve(record: RunRecord) -> Path | None:
    """Write `curve.png` beside run.json: the validation metric by epoch, phases shaded, the chosen epoch marked.

    Returns None, and says in the log why, if matplotlib is not installed, no epoch was evaluated, or the
    disk refuses.
    """
    metric, best = record.info["valid_metric"], record.info["best"]
    lines = record.epochs()
    points = [
        (x, line["valid"][metric]) for x, line in enumerate(lines) if (line.get("valid") or {}).get(metric) is not None
    ]
    if not points:
        log.info("no learning curve: no epoch was evaluated")
        return None
    try:
        from matplotlib.figure import Figure
    except ImportError:
        log.info("no learning curve: matplotlib is not installed (pip install 'ptmrec[plot]')")
        return None
    figure = Figure(figsize=(7, 4), layout="constrained")
    axes = figure.subplots()
    for number, (phase, span) in enumerate(groupby(enumerate(lines), key=lambda item: item[1]["phase"])):
        places = [x for x, _ in span]
        axes.axvspan(places[0] - 0.5, places[-1] + 0.5, color=f"C{number}", alpha=0.12, linewidth=0, label=phase)
    axes.plot(*zip(*points, strict=True), color="black", linewidth=1.2, marker=".", markersize=4)
    for x, line in enumerate(lines):
        if (line["phase"], line["epoch"]) == (best["phase"], best["epoch"]):
            label = f"chosen: {line['phase']}, epoch {line['epoch']}"
            axes.plot(x, best["valid"][metric], "o", color="crimson", markersize=9, fillstyle="none", label=label)
    axes.set(
        xlabel="epoch, over all phases",
        ylabel=f"validation {metric}",
        xlim=(-0.5, len(lines) - 0.5),
    )
    title = f"{record.info['label']} on {record.info['dataset']}, seed {record.info['seed']}"
    # A label may be long, and may hold dollar signs.
    axes.set_title(textwrap.fill(title, TITLE_WIDTH), parse_math=False)
    axes.legend(fontsize="small")
    path = record.path / "curve.png"
    try:
        figure.savefig(path, dpi=120)
    except OSError as error:
        log.warning("%s: the learning curve could not be written (%s)", record.path, error)
        return None
    return path
