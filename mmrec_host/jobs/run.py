"""Runs jobs by an engine, with one display; what several need is made once, before all else."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator

from ..config import Config
from ..printable import say
from .display import Display
from .job import Engine, Job, Outcome


def run_jobs(jobs: Iterable[Job], engine: Engine, display: Display | None) -> Iterator[tuple[Job, Outcome]]:
    """Each job that has ended, with its outcome, shown in the display if there is one; else errors are."""
    for job, outcome in engine.run(iter(jobs), display.begin if display else _nothing):
        if display is not None:
            display.end(job, outcome)
        elif outcome.error is not None:
            say(f"error: {outcome.bug or outcome.error}", file=sys.stderr)
        yield job, outcome


def _nothing(job: Job) -> None:
    """What is done when a job begins that nobody looks at."""


def encode_once(configs: Iterable[Config], engine: Engine, shown: bool) -> None:
    """Encode the items of each data set before all else, with a bar of its own.

    Runs that start together would find nothing encoded, and all but one of them would wait.

    Args:
        shown: whether to show the bar, where stderr is a terminal.
    """
    keys = ("data_path", "dataset", "cache_path", "features", "encoder", "modalities")
    reading = [config for config in configs if config["is_multimodal_model"] is not False]
    distinct = {str([config[key] for key in keys]): config for config in reversed(reading)}
    jobs = [
        Job(f"encode {config['dataset']}", _encode, config.replaced(progress=shown and config["progress"]))
        for config in reversed(distinct.values())
    ]
    for _ in engine.run(iter(jobs), _nothing, at_most=1):
        pass  # what is wrong is said by the run that needs it


def _encode(config: Config) -> None:
    from ..data.dataset import load_dataset
    from ..device import resolve_device

    config = config.replaced(device=resolve_device(config))
    load_dataset(config).features(config)
