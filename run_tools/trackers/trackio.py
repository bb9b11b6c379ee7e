"""Trackio: a local dashboard (`trackio show`), or what TRACKIO_SERVER_URL or TRACKIO_SPACE_ID names."""

from __future__ import annotations

import sys
from contextlib import redirect_stdout

import trackio

from mmrec_host.runs.tracking import TrackedRun


class Trackio:
    """A run of the project `ptmrec-DATASET`, named by its folder."""

    def __init__(self, run: TrackedRun) -> None:
        with redirect_stdout(sys.stderr):  # where results are printed, it would say how to look at them
            self.run = trackio.init(
                project=f"ptmrec-{run.dataset}",
                name=run.folder.name,
                group=run.label,
                config=run.settings,
                resume="allow",
                embed=False,
                auto_log_gpu=False,
                auto_log_cpu=False,
            )

    def log(self, values: dict[str, float], step: int) -> None:
        """Metrics of one epoch."""
        self.run.log(values, step=step)

    def end(self, results: dict[str, float], failed: bool) -> None:
        """The row of the table, as metrics `result/…`."""
        if results:
            self.run.log({f"result/{name}": value for name, value in results.items()})
        with redirect_stdout(sys.stderr):
            self.run.finish()
