"""Weights & Biases; `WANDB_MODE=offline` writes to the run's folder alone, and `wandb sync` sends it later."""

from __future__ import annotations

import os

import wandb

from mmrec_host.runs.tracking import TrackedRun


class WeightsAndBiases:
    """A run of the project `ptmrec-DATASET`, or of `WANDB_PROJECT`; its id is the name of the run's folder."""

    def __init__(self, run: TrackedRun) -> None:
        self.run = wandb.init(
            project=None if "WANDB_PROJECT" in os.environ else f"ptmrec-{run.dataset}",
            id=run.folder.name,
            name=run.label,
            dir=run.folder,
            config=run.settings,
            resume="allow",
            reinit="create_new",  # the run of a base goes on inside that of PTMRec
            settings=wandb.Settings(silent=True),
        )

    def log(self, values: dict[str, float], step: int) -> None:
        """Metrics of one epoch."""
        self.run.log(values, step=step)

    def end(self, results: dict[str, float], failed: bool) -> None:
        """The row of the table, as the run's summary."""
        self.run.summary.update(results)
        self.run.finish(exit_code=int(failed))
