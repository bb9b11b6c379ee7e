"""Runs the cells that are left, one after another or several at a time."""

from __future__ import annotations

import argparse
import functools
import logging
from collections.abc import Sequence
from pathlib import Path

from mmrec_host.cli.jobs_arguments import engine_of
from mmrec_host.config import Config
from mmrec_host.jobs.display import Display
from mmrec_host.jobs.job import Job
from mmrec_host.jobs.run import encode_once, run_jobs
from mmrec_host.printable import printable

from .cells import Cell, in_order

log = logging.getLogger(__name__)

LOG = "study.log"


def run_cells(left: Sequence[Cell], n_cells: int, folder: Path, args: argparse.Namespace) -> dict[Cell, str]:
    """Run the cells and give the messages of those that failed; tracebacks are in the study's log.

    Args:
        left: what is to be run, of `n_cells` in all.
        folder: the study's.
        args: of the command line: `jobs`, plugins, `quiet`.
    """
    cells, shown = in_order(left), not args.quiet
    configs = [cell.config for cell in cells]
    engine = engine_of(args, lambda: configs)
    work = functools.partial(run_cell, folder=folder)
    jobs = {Job(str(cell), work, engine.share(cell.config).replaced(progress=False)): cell for cell in cells}
    failed: dict[Cell, str] = {}
    with Display("study", "cell", n_cells, n_cells - len(cells), shown) as display, engine:
        encode_once(configs, engine, shown)
        for job, outcome in run_jobs(jobs, engine, display):
            if outcome.error is not None:
                failed[jobs[job]] = outcome.error
            if outcome.trace is not None:
                failed[jobs[job]] += f" (see {folder / LOG})"
                with (folder / LOG).open("a", encoding="utf-8") as file:
                    file.write(printable(f"{job.name}\n{outcome.trace}\n"))
    return failed


def run_cell(config: Config, folder: Path) -> None:
    """Run one cell and keep its places."""
    from mmrec_host.data.dataset import load_dataset
    from mmrec_host.runs.engine import run
    from mmrec_host.runs.record import OtherData

    from .places import keep_places

    try:
        result = run(config)
    except OtherData as error:
        log.warning("%s is trained anew: %s", config["model"], error)
        result = run(config.replaced(resume=False))
    if result.model is not None and folder.is_dir():  # a node of a cluster may not see it; the report ranks then
        keep_places(result.record, folder, result.model, load_dataset(config), config)
