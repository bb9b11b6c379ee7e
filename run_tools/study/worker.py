"""One cell of a study, in this process or in one of several."""

from __future__ import annotations

import argparse
import logging
import os
import signal
import threading
from dataclasses import dataclass
from multiprocessing import connection, parent_process
from pathlib import Path

from mmrec_host.config import Config
from mmrec_host.log_format import LogFormatter

from .stderr_log import WarningsOnce

log = logging.getLogger(__name__)
LOG = "study.log"


@dataclass(frozen=True)
class WorkerOptions:
    """What all workers are told.

    Attributes:
        folder: the study's.
        plugins: `--plugin` and `--mmrec-home` of the command line.
    """

    folder: Path
    plugins: argparse.Namespace


def start_worker(options: WorkerOptions) -> None:
    """Make a fresh process ready: plugins, and a log of what goes wrong; it ends when the one that started it does."""
    from mmrec_host.cli.main import OUR_PACKAGES
    from mmrec_host.cli.plugins import load_plugins

    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the process that started it says when to stop
    threading.Thread(target=_end_with_parent, daemon=True).start()
    handler = logging.FileHandler(options.folder / LOG, encoding="utf-8", delay=True)
    handler.addFilter(WarningsOnce())
    handler.setFormatter(LogFormatter("%(asctime)s %(levelname)s %(name)s: %(message)s"))
    logging.basicConfig(level=logging.WARNING, handlers=[handler])
    for package in OUR_PACKAGES:  # each run's own log has it all
        logging.getLogger(package).setLevel(logging.INFO)
    load_plugins(options.plugins)


def _end_with_parent() -> None:
    parent = parent_process()
    if parent is not None:
        connection.wait([parent.sentinel])
        os._exit(1)


def run_cell(config: Config, folder: Path) -> str | None:
    """Run one cell and keep its places; a message if it failed."""
    from mmrec_host.data.dataset import load_dataset
    from mmrec_host.errors import UserError
    from mmrec_host.runs.engine import run
    from mmrec_host.runs.record import OtherData

    from .places import keep_places

    try:
        try:
            result = run(config)
        except OtherData as error:
            log.warning("%s is trained anew: %s", config["model"], error)
            result = run(config.replaced(resume=False))
        if result.model is not None:
            keep_places(result.record, folder, result.model, load_dataset(config), config)
    except UserError as error:
        return str(error)
    except Exception as error:
        log.exception("%s on %s, seed %s", config.label(), config["dataset"], config["seed"])
        return f"{type(error).__name__}: {error} (see {folder / LOG})"
    return None
