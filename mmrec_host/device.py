"""The device that a run computes on."""

from __future__ import annotations

import torch

from .config import Config
from .errors import ConfigError
from .ranks import local_rank, n_local_processes, n_processes


def resolve_device(config: Config) -> torch.device:
    """The device that the `device` key names; `auto` is CUDA where there is one."""
    name = str(config["device"])
    if name == "auto":
        name = "cuda" if torch.cuda.is_available() else "cpu"
    if n_processes() > 1 and name.startswith("cuda"):
        if name != "cuda" and n_local_processes() > 1 and name != f"cuda:{local_rank()}":
            raise ConfigError(f"device={name}: several processes need a GPU each. device=cuda gives them one each.")
        if local_rank() >= torch.cuda.device_count():
            raise ConfigError(
                f"{n_local_processes()} processes need a GPU each, here are {torch.cuda.device_count()}: start as many "
                "(--nproc_per_node), or say device=cpu."
            )
        name = f"cuda:{local_rank()}"
    try:
        device = torch.device(name)
    except RuntimeError as error:
        raise ConfigError(f"device={name!r}: must be auto, cpu, cuda or cuda:<number>.") from error
    if device.type == "mps" and not torch.backends.mps.is_available():
        raise ConfigError(f"device={name}: torch sees no Metal device here; device=auto takes what there is.")
    if device.type == "cuda" and not torch.cuda.is_available():
        raise ConfigError(f"device={name}: torch sees no CUDA device here; device=auto takes what there is.")
    return device
