"""The processes of a service: one a core, at one socket."""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import os
import signal
import socket
import sys
import threading
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any

import uvicorn
from uvicorn.supervisors.multiprocess import Multiprocess

from mmrec_host.cli.main import start_logging
from mmrec_host.cli.plugins import load_plugins
from mmrec_host.cli.run_argument import find_run, machine_keys
from mmrec_host.errors import ConfigError
from mmrec_host.printable import say

from .current_run import CurrentRun
from .gate import Gate, Limits
from .served_run import ServedRun
from .service import make_service

KEY = "PTMREC_SERVE_KEY"
LOOPBACK = frozenset({"127.0.0.1", "localhost", "::1"})
BACKLOG = 4096  # connections that wait to be taken
WATCH = 1.0  # seconds between two looks for the parent


@dataclass(frozen=True)
class Settings:
    """What each process of a service is told.

    Attributes:
        args: the command line's, which name the run.
        parent: the process that started this one; None for a service of one process.
    """

    args: argparse.Namespace
    limits: Limits
    key: str | None
    hosts: frozenset[str] | None
    parent: int | None = None

    def opened(self) -> ServedRun:
        """The run that the command line names now."""
        return ServedRun(find_run(self.args.run, self.args.runs), machine_keys(self.args))


def serve(args: argparse.Namespace, limits: Limits, sock: socket.socket) -> None:
    """Serve until a signal ends it; SIGHUP has the run opened anew.

    Raises:
        UserError: the run cannot be opened.
    """
    hosts = LOOPBACK if args.host in LOOPBACK else None
    parent = os.getpid() if args.workers > 1 else None
    settings = Settings(args, limits, os.environ.get(KEY) or None, hosts, parent)
    allow_many_connections()
    if parent:
        settings.opened()  # what is wrong is said here, and the processes find the vectors
    started = partial(start, settings) if parent else make(settings)
    config = uvicorn.Config(
        started, factory=parent is not None, workers=args.workers, log_config=None, access_log=False, backlog=BACKLOG,
        lifespan="on", server_header=False, timeout_graceful_shutdown=int(limits.seconds) + 1,
        timeout_worker_healthcheck=60,
    )  # fmt: skip
    name = f"[{args.host}]" if ":" in args.host else args.host
    say(f"http://{name}:{sock.getsockname()[1]}/  (Ctrl+C ends it; /docs has all calls)")
    sys.stdout.flush()
    if parent:
        Workers(config, [sock]).run()
    else:
        uvicorn.Server(config).run([sock])


class Workers(Multiprocess):
    """Starts a process anew that has ended, and passes SIGHUP on."""

    def init_processes(self) -> None:
        """Start the processes; each is told of a SIGHUP that comes before it can handle one."""
        with _hup_waits():
            super().init_processes()

    def keep_subprocess_alive(self) -> None:
        """Start anew what has ended."""
        with _hup_waits():
            super().keep_subprocess_alive()

    def handle_hup(self) -> None:
        """Have each process open the run anew: none is stopped, so no connection ends."""
        for process in self.processes:
            if process.pid is not None:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(process.pid, signal.SIGHUP)


@contextlib.contextmanager
def _hup_waits() -> Iterator[None]:
    """SIGHUP waits until the end of this; in a process that is started meanwhile, until that handles it."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGHUP})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def start(settings: Settings) -> Gate:
    """The application of a process that was started for it."""
    start_logging(settings.args)
    load_plugins(settings.args)
    return make(settings)


def make(settings: Settings) -> Gate:
    """The application, with the run opened."""
    current = CurrentRun(settings.opened)
    tell = partial(os.kill, settings.parent, signal.SIGHUP) if settings.parent else lambda: None
    lifespan = partial(_lifespan, current=current, parent=settings.parent)
    return make_service(current, settings.limits, settings.key, settings.hosts, tell, lifespan)


@contextlib.asynccontextmanager
async def _lifespan(_: Any, current: CurrentRun, parent: int | None) -> AsyncIterator[None]:
    tasks: set[asyncio.Task[None]] = set()  # the loop holds tasks weakly
    if threading.current_thread() is threading.main_thread() and hasattr(signal, "SIGHUP"):  # Windows has none
        asyncio.get_running_loop().add_signal_handler(
            signal.SIGHUP, lambda: tasks.add(asyncio.create_task(current.reload_or_complain()))
        )
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGHUP})
    if parent is not None:
        tasks.add(asyncio.create_task(_end_with(parent)))
    yield
    for task in tasks:
        task.cancel()


async def _end_with(parent: int) -> None:
    """End when the parent was killed: nobody would stop this process, and the socket would stay taken."""
    while os.getppid() == parent:
        await asyncio.sleep(WATCH)
    os.kill(os.getpid(), signal.SIGTERM)


def listen(host: str, port: int) -> socket.socket:
    """A socket at the address; port 0 takes a free one.

    Raises:
        ConfigError: it cannot be had.
    """
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
        family, kind, protocol, _, address = found[0]
        sock = socket.socket(family, kind, protocol)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        sock.bind(address)
        sock.listen(BACKLOG)  # who asks before the run is open waits
    except OSError as error:
        raise ConfigError(f"--host {host} --port {port}: cannot be listened at ({error}). Name another.") from error
    sock.set_inheritable(True)
    return sock


def allow_many_connections() -> None:
    """As many open files as the system lets this process have."""
    with contextlib.suppress(ImportError, ValueError, OSError):
        import resource

        _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
