"""How many jobs run at a time: the number that a user gives, or the one that fits."""

from __future__ import annotations

import logging
from collections.abc import Callable

from ..config import Config
from ..environment import available_memory, n_cores
from ..errors import ConfigError
from ..ranks import n_processes

log = logging.getLogger(__name__)

AUTO = "auto"
SHARE = 0.8  # of the free memory that the jobs may take


def read_n_jobs(text: str) -> int | None:
    """The number in `--jobs`; None for `auto`.

    Raises:
        ConfigError: neither.
    """
    if text == AUTO:
        return None
    if not text.isdecimal() or int(text) < 1:
        raise ConfigError(f"--jobs {text}: must be 1 or more, or `{AUTO}`: as many as cores and memory allow.")
    return int(text)


def n_jobs_of(text: str, configs: Callable[[], list[Config]]) -> int:
    """How many of the jobs run at a time, at most as many as there are.

    Args:
        text: of `--jobs`.
        configs: of all jobs; asked for only if needed.

    Raises:
        UserError: as `read_n_jobs` says; with `auto`, what is wrong with the data.
    """
    number = read_n_jobs(text)
    if number == 1:
        return 1
    if n_processes() > 1:
        raise ConfigError(f"--jobs {text}: torchrun's processes share each run; leave out --jobs, or torchrun.")
    all_configs = configs()
    if number is None and all_configs:
        number = _fitting(all_configs)
    return max(1, min(number or 1, len(all_configs)))


def _fitting(configs: list[Config]) -> int:
    import torch

    from .memory import largest_need

    need, free, cores = largest_need(configs), available_memory(), n_cores()
    wanted = [cores, int(SHARE * free / need)]
    on_gpu = any(str(config["device"]) != "cpu" for config in configs) and torch.cuda.is_available()
    if on_gpu:
        wanted.append(torch.cuda.device_count())
    number = max(1, min(wanted))
    gpus = f", {torch.cuda.device_count()} GPUs" if on_gpu else ""
    said = "--jobs auto: %d at a time (%d cores%s, %.1f GB free, a run needs up to %.1f GB)"
    log.info(said, number, cores, gpus, free / 1e9, need / 1e9)
    return number
