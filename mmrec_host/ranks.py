"""Which of several processes this one is, as `torchrun` says; known without torch, which takes seconds to import."""

from __future__ import annotations

import os
import sys


def n_processes() -> int:
    """Number of processes that work on the run."""
    return int(os.environ.get("WORLD_SIZE", "1"))


def rank() -> int:
    """Number of this process, from 0."""
    return int(os.environ.get("RANK", "0"))


def local_rank() -> int:
    """Number of this process among those of its machine, which is that of its GPU."""
    return int(os.environ.get("LOCAL_RANK", "0"))


def n_local_processes() -> int:
    """Number of processes on this machine."""
    return int(os.environ.get("LOCAL_WORLD_SIZE", "1"))


def n_sharing_memory() -> int:
    """Number of processes that share this machine's memory: those of this run, and those of `--jobs`."""
    return n_local_processes() * int(os.environ.get("PTMREC_JOBS", "1"))


def is_main() -> bool:
    """Whether this process is the main one, which writes."""
    return rank() == 0


def leave(code: int) -> None:
    """End this process; after an error at once, since taking leave of the others would wait for them."""
    sys.stdout.flush()
    sys.stderr.flush()
    if n_processes() == 1:
        return
    if code:
        os._exit(code)
    torch = sys.modules.get("torch")
    if torch is not None and torch.distributed.is_initialized():
        torch.distributed.destroy_process_group()
