"""What a user sees of many jobs: one bar with what is running, and a line for each job that ends."""

from __future__ import annotations

import logging
import time
from types import TracebackType

from ..progress_bar import progress_bar
from .job import Job, Outcome

log = logging.getLogger(__name__)


class Display:
    """A bar over the jobs, and a line in the log for each that ends; each warning of theirs once.

    Args:
        what: they are together, in a word.
        unit: what one of them is called.
        n: how many there are; None if nobody knows.
        n_done: how many of them were done before.
        shown: whether to show the bar, where stderr is a terminal.
        says_finished: whether a job that finished has a line.
    """

    def __init__(
        self, what: str, unit: str, n: int | None, n_done: int, shown: bool, says_finished: bool = True
    ) -> None:
        self.n, self.n_ended, self.says_finished = n, n_done, says_finished
        self.bar = progress_bar(what, unit, n, shown=shown, initial=n_done)
        self.running: dict[Job, float] = {}
        self.warned: set[str] = set()

    def __enter__(self) -> Display:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.bar.close()

    def begin(self, job: Job) -> None:
        """A job has begun."""
        self.running[job] = time.perf_counter()
        self._show()

    def end(self, job: Job, outcome: Outcome) -> None:
        """A job has ended."""
        seconds = time.perf_counter() - self.running.pop(job)
        self.n_ended += 1
        self.bar.update()
        self._show()
        for warning in outcome.warnings:
            if warning not in self.warned:
                self.warned.add(warning)
                log.warning("%s: %s", job.name, warning)
        count = f"{self.n_ended}/{self.n}" if self.n is not None else str(self.n_ended)
        if outcome.error is not None:
            log.error("%s  %s: failed: %s", count, job.name, outcome.error)
        elif self.says_finished:
            log.info("%s  %s: finished in %.0f s", count, job.name, seconds)

    def _show(self) -> None:
        self.bar.set_postfix_str("; ".join(job.name for job in self.running))
