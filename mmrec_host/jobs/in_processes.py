"""The engine that runs several jobs at a time on this machine."""

from __future__ import annotations

import contextlib
import multiprocessing
import os
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from multiprocessing.context import BaseContext
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any

import psutil

from ..config import Config
from ..environment import n_cores
from . import preloaded
from .job import Job, Outcome
from .worker import Plugins, start_worker, work

GRACE = 30  # seconds in which a run that is broken off may note that in its record
DIED = "its process died; memory may have run out. Fewer --jobs need less."


def context_with(modules: Iterable[str]) -> BaseContext:
    """How processes begin: forked from one that has imported the modules and done nothing else, so without threads.

    Not where CUDA may have been asked for, which does not survive a fork, nor where the system has no such start.
    """
    import torch

    if torch.cuda.is_available() or "forkserver" not in multiprocessing.get_all_start_methods():
        return multiprocessing.get_context("spawn")
    from multiprocessing import forkserver

    os.environ[preloaded.NAMES] = " ".join(modules)
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload([preloaded.__name__])
    here = Path.cwd()
    os.chdir(Path(__file__).parents[2])  # it imports from where it begins, and here may be a folder `mmrec_configs`
    try:
        forkserver.ensure_running()
    finally:
        os.chdir(here)
    return context


class _Slot:
    """Room for one job at a time, in a process of its own: when that dies, no other is touched."""

    def __init__(self, context: BaseContext, plugins: Plugins, n_jobs: int, number: int) -> None:
        self.context, self.arguments = context, (plugins, n_jobs, number)
        self.pool = self._new_pool()
        self.process: BaseProcess | None = None
        self.busy = False

    def _new_pool(self) -> ProcessPoolExecutor:
        return ProcessPoolExecutor(1, self.context, initializer=start_worker, initargs=self.arguments)

    def submit(self, job: Job, found: dict[str, Any]) -> Future[Outcome]:
        """Begin a job, whose process is told what others have found out; the first one starts the process."""
        before = set(multiprocessing.active_children())
        future = self.pool.submit(work, job.work, job.config, dict(found))
        self.busy = True
        if new := set(multiprocessing.active_children()) - before:
            self.process = new.pop()
        return future

    def outcome(self, future: Future[Outcome]) -> Outcome:
        """Of a job that has ended; if its process has died, the next job gets another one."""
        self.busy = False
        try:
            return future.result()
        except BrokenProcessPool:
            self.pool.shutdown()
            self.pool = self._new_pool()
            return Outcome(error=DIED)

    def stop(self) -> None:
        """Break off what it is at, if anything, and let its process end."""
        if self.busy and self.process is not None:
            self.process.terminate()
        self.pool.shutdown(wait=False, cancel_futures=True)

    def end(self) -> None:
        """Wait for the process; one that does not end in GRACE seconds is killed."""
        if self.process is not None:
            with contextlib.suppress(psutil.NoSuchProcess):
                process = psutil.Process(self.process.pid)
                if psutil.wait_procs([process], timeout=GRACE)[1]:
                    process.kill()
        self.pool.shutdown()


class InProcesses:
    """So many jobs at a time, each in a process of its own.

    What one of them is at when the context ends is broken off, and can be gone on from. The processes end with this
    one, also when it is killed.

    Args:
        modules: that the jobs need and take long to import.
    """

    def __init__(self, n_jobs: int, plugins: Plugins, modules: Iterable[str] = ()) -> None:
        self.n_jobs = n_jobs
        context = context_with(modules)
        self.slots = [_Slot(context, plugins, n_jobs, number) for number in range(n_jobs)]
        self.found: dict[str, Any] = {}

    def __enter__(self) -> InProcesses:
        return self

    def share(self, config: Config) -> Config:
        """Without bars, on one job's share of the cores, where the key `threads` leaves it open."""
        wanted = os.environ.get("OMP_NUM_THREADS", "")
        most = int(wanted) if wanted.isdecimal() and int(wanted) > 0 else n_cores()
        threads = config["threads"] or max(1, min(most, n_cores() // self.n_jobs))
        return config.replaced(progress=False, threads=threads)

    def run(
        self, jobs: Iterator[Job], begin: Callable[[Job], None], at_most: int | None = None
    ) -> Iterator[tuple[Job, Outcome]]:
        """As `Engine` says."""
        free = self.slots[:at_most]
        running: dict[Future[Outcome], tuple[Job, _Slot]] = {}
        while True:
            while free and (job := next(jobs, None)) is not None:
                slot = free.pop(0)
                running[slot.submit(job, self.found)] = job, slot
                begin(job)
            if not running:
                return
            for future in wait(running, return_when=FIRST_COMPLETED).done:
                job, slot = running.pop(future)
                outcome = slot.outcome(future)
                self.found |= outcome.found
                free.append(slot)
                yield job, outcome

    def __exit__(self, *error: object) -> None:
        try:
            for slot in self.slots:
                slot.stop()
            for slot in self.slots:
                slot.end()
        except BaseException:  # asked a second time
            for slot in self.slots:
                if slot.process is not None:
                    slot.process.kill()
            raise
