"""A process that works on jobs: how it begins, and when it ends."""

from __future__ import annotations

import argparse
import logging
import os
import signal
import threading
from collections.abc import Callable
from dataclasses import dataclass, replace
from multiprocessing import connection, parent_process
from pathlib import Path
from typing import Any

from ..config import Config
from ..found_once import FOUND
from .job import Outcome, perform


@dataclass(frozen=True)
class Plugins:
    """`--plugin` and `--mmrec-home` of the command line, which each process loads for itself."""

    plugin: tuple[Path, ...]
    mmrec_home: Path | None

    @classmethod
    def of(cls, args: argparse.Namespace) -> Plugins:
        """Those of a command line."""
        return cls(tuple(args.plugin), args.mmrec_home)


_busy = threading.Event()


def start_worker(plugins: Plugins, n_jobs: int, number: int) -> None:
    """Make a fresh process ready.

    Args:
        number: of this process among them, from 0; GPUs are dealt out by it.
        n_jobs: so many processes share this machine's memory.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the process that started it says when to stop
    signal.signal(signal.SIGTERM, _stop)
    threading.Thread(target=_end_with_parent, daemon=True).start()
    os.environ["PTMREC_JOBS"] = str(n_jobs)
    os.environ["PTMREC_JOB"] = str(number)
    make_ready(plugins)


def make_ready(plugins: Plugins) -> None:
    """Load plugins; each run's own log has all that is said, and nothing goes to stderr."""
    from ..cli.log_handler import OUR_PACKAGES
    from ..cli.plugins import load_plugins

    root = logging.getLogger()
    root.setLevel(logging.WARNING)
    root.addHandler(logging.NullHandler())
    for package in OUR_PACKAGES:
        logging.getLogger(package).setLevel(logging.INFO)
    load_plugins(argparse.Namespace(**vars(plugins)))


def work(job: Callable[[Config], Any], config: Config, found: dict[str, Any]) -> Outcome:
    """Do one job in this process, which is told what others have found out."""
    _busy.set()
    FOUND.update(found)
    try:
        return replace(perform(job, own_gpu(config), gather=True), found=FOUND)
    finally:
        _busy.clear()


def own_gpu(config: Config) -> Config:
    """Of several GPUs the one whose turn it is, where the key `device` leaves it open."""
    if config["device"] not in ("auto", "cuda"):
        return config
    import torch

    n, number = torch.cuda.device_count(), int(os.environ["PTMREC_JOB"])
    return config.replaced(device=f"cuda:{number % n}") if n > 1 else config


def _stop(signum: int, frame: Any) -> None:
    """A run that is stopped notes that in its record; a process that does nothing just ends."""
    if not _busy.is_set():
        os._exit(1)
    raise KeyboardInterrupt


def _end_with_parent() -> None:
    """No process outlives the one that started it, however that ends."""
    parent = parent_process()
    if parent is not None:
        connection.wait([parent.sentinel])
        os._exit(1)
