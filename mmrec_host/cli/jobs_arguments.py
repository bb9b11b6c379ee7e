"""`--jobs N` and `--engine` of the commands that make many runs."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

from ..config import Config
from ..errors import ConfigError
from ..jobs.number import AUTO, n_jobs_of, read_n_jobs

if TYPE_CHECKING:
    from ..jobs.job import Engine

PROCESSES, RAY = "processes", "ray"


def add_jobs_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare `--jobs`, `--engine` and `--address`."""
    parser.add_argument(
        "--jobs",
        metavar=f"N|{AUTO}",
        help=f"so many runs at a time, sharing the cores; {AUTO}: as many as cores and memory allow; default: 1, and "
        f"{AUTO} with --engine {RAY}",
    )
    parser.add_argument(
        "--engine",
        choices=(PROCESSES, RAY),
        default=PROCESSES,
        help=f"what runs them: {PROCESSES} of this machine (default), or tasks of a Ray cluster",
    )
    parser.add_argument(
        "--address", metavar="HOST:PORT", help="of the Ray cluster; default: RAY_ADDRESS, or the one on this machine"
    )


def check_jobs_arguments(args: argparse.Namespace) -> None:
    """Raise `ConfigError` for what cannot be, before anything is read."""
    if args.jobs is None:
        args.jobs = AUTO if args.engine == RAY else "1"
    read_n_jobs(args.jobs)
    if args.address is not None and args.engine != RAY:
        raise ConfigError(f"--address {args.address}: belongs to --engine {RAY}.")


def engine_of(args: argparse.Namespace, configs: Callable[[], list[Config]]) -> Engine:
    """What runs the jobs that the command line asks for.

    Args:
        configs: of all jobs; asked for only if needed.

    Raises:
        UserError: as `n_jobs_of` and `OnRay` say.
    """
    from ..jobs.job import InThisProcess
    from ..jobs.worker import Plugins

    plugins = Plugins.of(args)
    if args.engine == RAY:
        from ..jobs.memory import largest_need
        from ..jobs.on_ray import OnRay, connect

        ray = connect(args.address)  # before anything is estimated
        if not (all_configs := configs()):
            return InThisProcess()
        return OnRay(ray, plugins, all_configs, largest_need(all_configs), read_n_jobs(args.jobs))
    if (number := n_jobs_of(args.jobs, configs)) == 1:
        return InThisProcess()
    from ..jobs.in_processes import InProcesses

    return InProcesses(number, plugins, modules_of(configs()))


def modules_of(configs: Iterable[Config]) -> set[str]:
    """The modules of the models and feature sources that runs have, as far as they can be known without importing."""
    from ..data.features import FEATURES
    from ..models.base import MODELS

    found: set[str | None] = {"mmrec_host.runs.engine"}
    for config in configs:
        found.add(MODELS.module(config["model"]))
        if config["is_multimodal_model"] is not False:
            found.add(FEATURES.module(config["features"]))
    return {module for module in found if module is not None}
