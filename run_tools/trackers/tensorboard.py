"""TensorBoard: event files in the run's folder."""

from __future__ import annotations

from torch.utils.tensorboard import SummaryWriter

from mmrec_host.runs.tracking import TrackedRun


class TensorBoard:
    """Event files in `<run>/tensorboard`; `tensorboard --logdir runs` shows all runs."""

    def __init__(self, run: TrackedRun) -> None:
        self.writer = SummaryWriter(run.folder / "tensorboard")
        if not run.resumed:
            rows = "\n".join(f"| {key} | {value} |" for key, value in run.settings.items())
            self.writer.add_text("settings", f"| key | value |\n| --- | --- |\n{rows}")

    def log(self, values: dict[str, float], step: int) -> None:
        """Scalars of one epoch, on disk at once."""
        for name, value in values.items():
            self.writer.add_scalar(name, value, step)
        self.writer.flush()

    def end(self, results: dict[str, float], failed: bool) -> None:
        """The row of the table, as scalars of step 0."""
        for name, value in results.items():
            self.writer.add_scalar(f"result/{name}", value, 0)
        self.writer.close()
