"""Runs the cells that are left, one after another or several groups at a time."""

from __future__ import annotations

import logging
import multiprocessing
import time
from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool

from mmrec_host.config import Config
from mmrec_host.environment import n_cores
from mmrec_host.progress_bar import progress_bar

from .cells import Cell, groups_of
from .worker import WorkerOptions, run_cell, start_worker

log = logging.getLogger(__name__)

DIED = "its process died; memory may have run out. Fewer --jobs need less."


class Display:
    """A bar over the cells with what is running, and a line in the log for each that ends."""

    def __init__(self, n_cells: int, n_done: int, shown: bool) -> None:
        self.n_cells, self.n_ended = n_cells, n_done
        self.bar = progress_bar("study", "cell", n_cells, shown=shown, initial=n_done)
        self.running: dict[Cell, float] = {}

    def begin(self, cell: Cell) -> None:
        """A cell has begun."""
        self.running[cell] = time.perf_counter()
        self._show()

    def end(self, cell: Cell, error: str | None) -> None:
        """A cell has ended."""
        seconds = time.perf_counter() - self.running.pop(cell)
        self.n_ended += 1
        self.bar.update()
        self._show()
        said = f"finished in {seconds:.0f} s" if error is None else f"failed: {error}"
        level = logging.INFO if error is None else logging.ERROR
        log.log(level, "%d/%d  %s: %s", self.n_ended, self.n_cells, cell, said)

    def _show(self) -> None:
        self.bar.set_postfix_str("; ".join(map(str, self.running)))


def run_cells(left: Sequence[Cell], n_cells: int, jobs: int, options: WorkerOptions, shown: bool) -> dict[Cell, str]:
    """Run the cells and give the messages of those that failed.

    Args:
        left: what is to be run, of `n_cells` in all.
        jobs: groups that are run at a time, each in a process of its own; one alone is run in this process.
        shown: whether to show a bar, where stderr is a terminal.
    """
    encode_once(left, shown)
    display = Display(n_cells, n_cells - len(left), shown)
    failed: dict[Cell, str] = {}
    jobs = min(jobs, len(groups_of(list(left))))
    with display.bar:
        ended = _in_processes(left, jobs, options, display) if jobs > 1 else _here(left, options, display)
        for cell, error in ended:
            display.end(cell, error)
            if error is not None:
                failed[cell] = error
    return failed


def _here(left: Sequence[Cell], options: WorkerOptions, display: Display) -> Iterator[tuple[Cell, str | None]]:
    for group in groups_of(list(left)):
        for cell in group:
            display.begin(cell)
            yield cell, run_cell(cell.config.replaced(progress=False), options.folder)


def _in_processes(
    left: Sequence[Cell], jobs: int, options: WorkerOptions, display: Display
) -> Iterator[tuple[Cell, str | None]]:
    """So many groups at a time; a process that dies costs the cells that were running, not the others."""
    waiting = deque(map(deque, groups_of(list(left))))
    pool = _pool(jobs, options)
    running: dict[Future[str | None], tuple[Cell, deque[Cell]]] = {}
    try:
        while waiting or running:
            while waiting and len(running) < jobs:
                group = waiting.popleft()
                cell = group.popleft()
                running[pool.submit(run_cell, _shared(cell.config, jobs), options.folder)] = cell, group
                display.begin(cell)
            broken = False
            for future in wait(running, return_when=FIRST_COMPLETED).done:
                cell, group = running.pop(future)
                try:
                    error = future.result()
                except BrokenProcessPool:
                    broken, error = True, DIED
                if group:  # next, so that a seed is whole soon
                    waiting.appendleft(group)
                yield cell, error
            if broken:
                for cell, group in running.values():
                    waiting.extendleft([group] if group else [])
                    yield cell, DIED
                running.clear()
                pool.shutdown(cancel_futures=True)
                pool = _pool(jobs, options)
    except BaseException:
        for process in multiprocessing.active_children():
            process.terminate()
        raise
    finally:
        pool.shutdown(cancel_futures=True)


def _pool(jobs: int, options: WorkerOptions) -> ProcessPoolExecutor:
    spawn = multiprocessing.get_context("spawn")  # torch's threads do not survive a fork
    return ProcessPoolExecutor(jobs, spawn, initializer=start_worker, initargs=(options,))


def _shared(config: Config, jobs: int) -> Config:
    """Without bars, on this cell's share of the cores, where the key `threads` leaves it open."""
    return config.replaced(progress=False, threads=config["threads"] or max(1, n_cores() // jobs))


def encode_once(left: Sequence[Cell], shown: bool) -> None:
    """Encode the items of each data set before all else, with a bar of its own, and not in several processes."""
    from mmrec_host.data.dataset import load_dataset
    from mmrec_host.device import resolve_device
    from mmrec_host.errors import UserError

    for cell in {(cell.entry.name, cell.row.name): cell for cell in left}.values():
        try:
            progress = shown and cell.config["progress"]
            config = cell.config.replaced(device=resolve_device(cell.config), progress=progress)
            load_dataset(config).features(config)
        except UserError:  # the cell itself will say it
            continue
