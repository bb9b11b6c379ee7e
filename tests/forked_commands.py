"""Commands in processes of their own, of which nothing is imported anew: forks of a server that has imported all."""

from __future__ import annotations

import multiprocessing
import os
import resource
import signal
from multiprocessing import forkserver
from typing import Any

PRELOADED = ["mmrec_host.cli.main", "mmrec_host.quick_start", "ptmrec_plugin.ptmrec", "open_clip", "scipy.sparse"]
NOBODY = 65534


def fork_server() -> Any:
    """The context whose processes are such forks; a process has one server, and another's imports would be too few."""
    forkserver._forkserver._stop()  # as the standard library's own tests do
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(PRELOADED)
    return context


def run_command(
    folder: str, words: list[str], said: str = "said.txt", bytes_a_file: int | None = None, powerless: bool = False
) -> None:
    """Run the command line in `folder`, and end the process with its exit code.

    Args:
        said: file to which the output is added.
        bytes_a_file: no file may become longer.
        powerless: with the rights of nobody, where this process is root's.
    """
    import torch

    from mmrec_host.cli.main import main

    os.chdir(folder)
    for number in (1, 2):
        os.dup2(os.open(said, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o666), number)
    torch.set_num_threads(1)
    if bytes_a_file is not None:
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (bytes_a_file, bytes_a_file))
    if powerless and os.geteuid() == 0:
        os.setgid(NOBODY)
        os.setuid(NOBODY)
    os._exit(main(words))
