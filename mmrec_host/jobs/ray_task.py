"""A job on a node of a Ray cluster: in the folders of who sent it if the node has them, else in a folder of its own."""

from __future__ import annotations

import functools
import io
import logging
import os
import socket
import tarfile
import tempfile
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from filelock import FileLock

from ..config import Config
from .job import Outcome, perform
from .worker import Plugins, make_ready

PLACES = ("data_path", "cache_path", "run_path")


@dataclass(frozen=True)
class Sender:
    """Where a job comes from.

    Attributes:
        token: a file beside its runs, by which a node knows that it has the same folders.
        folder: its working folder.
        reads: data folders, plugins and whatever else a node that works in the same folders must have.
        digest: of what is shipped to nodes that do not.
    """

    token: Path
    folder: Path
    plugins: Plugins
    reads: tuple[Path, ...]
    digest: str = ""


@dataclass
class Answer:
    """What a node sends back.

    Attributes:
        runs: a tar of the run folders that the sender cannot see, None if it can.
        result: the path of the job's own run in it.
    """

    outcome: Outcome
    runs: bytes | None = None
    result: str | None = None


def sees(sender: Sender) -> bool:
    """Whether this node has the sender's folders, and in them what runs read."""
    return sender.token.is_file() and all(path.exists() for path in (sender.folder, *sender.reads))


def pack(files: dict[str, Path]) -> bytes:
    """A tar of files and folders, by the names that they have in it; those that are not there are left out."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as tar:
        for name, path in files.items():
            if path.exists():
                tar.add(path, name, filter=lambda info: None if info.name.endswith(".lock") else info)
    return buffer.getvalue()


def unpack(content: bytes, folder: Path) -> None:
    """Write what `pack` has packed; nothing leaves the folder."""
    with tarfile.open(fileobj=io.BytesIO(content)) as tar:
        tar.extractall(folder, filter="data")


def perform_on_node(
    work: Callable[[Config], Any], config: Config, sender: Sender, shipped: Callable[[], bytes]
) -> Answer:
    """Do one job on this node; an error says which node it was.

    Args:
        shipped: gets the sender's files, packed; asked for once a node.
    """
    if sees(sender):
        os.chdir(sender.folder)
        return Answer(_perform(work, config, sender.plugins))
    home = Path(tempfile.gettempdir()) / f"ptmrec-{sender.digest}"
    home.mkdir(exist_ok=True)
    with FileLock(home / ".lock"):
        if not (home / ".whole").exists():
            unpack(shipped(), home)
            (home / ".whole").touch()
    os.chdir(home)
    own = Path(tempfile.mkdtemp(prefix="runs-", dir=home))  # of this job: another's may be of another sender's command
    config = config.replaced(**{key: str(home / key) for key in PLACES} | {"run_path": str(own)})
    plugins = replace(sender.plugins, plugin=tuple(home / "plugins" / path.name for path in sender.plugins.plugin))
    outcome = _perform(work, config, plugins)
    result = None
    if isinstance(outcome.value, Path):
        result = str(outcome.value.relative_to(own))
    runs = {str(file.parent.relative_to(own)): file.parent for file in own.glob("*/*/run.json")}
    return Answer(outcome, pack(runs), result)


def _perform(work: Callable[[Config], Any], config: Config, plugins: Plugins) -> Outcome:
    _once(plugins)
    outcome = perform(work, config, gather=True)
    if outcome.error is not None:
        outcome.error = f"{outcome.error} (on node {socket.gethostname()})"
    return outcome


@functools.cache
def _once(plugins: Plugins) -> None:
    logging.getLogger().handlers.clear()  # Ray's own would send all that runs say to the sender
    make_ready(plugins)
