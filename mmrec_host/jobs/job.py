"""A job: one configuration and what is to be done with it, in this process or in another one."""

from __future__ import annotations

import logging
import traceback
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from typing import Any, Protocol

from ..cli.unforeseen import bug_message, system_message
from ..config import Config
from ..config_layers import collect_layers
from ..ranks import n_processes


@dataclass(frozen=True, eq=False)
class Job:
    """One piece of work.

    Attributes:
        name: how the display calls it.
        work: given the configuration it does the work; pickled with its arguments, and so is what it returns.
    """

    name: str
    work: Callable[[Config], Any]
    config: Config


@dataclass
class Outcome:
    """What came of a job.

    Attributes:
        value: what its work returned.
        error: a message if it failed.
        trace: the traceback of an error that is no message for the user.
        bug: the message on such an error, which names a file with the traceback, where this process has worked itself.
        warnings: what was warned of meanwhile, if it was gathered.
        found: what another process may be told (`found_once`).
    """

    value: Any = None
    error: str | None = None
    trace: str | None = None
    bug: str | None = None
    warnings: list[str] = field(default_factory=list)
    found: dict[str, Any] = field(default_factory=dict)


class Engine(AbstractContextManager, Protocol):
    """What runs jobs; used as a context, at whose end nothing runs any more.

    Attributes:
        n_jobs: so many at a time.
    """

    n_jobs: int

    def share(self, config: Config) -> Config:
        """The configuration as one of so many jobs at a time has it."""

    def run(
        self, jobs: Iterator[Job], begin: Callable[[Job], None], at_most: int | None = None
    ) -> Iterator[tuple[Job, Outcome]]:
        """Each job that has ended, with its outcome; one that fails stops no other.

        Args:
            jobs: taken one by one, when there is room.
            begin: called with a job that begins.
            at_most: so many at a time, if there is room for more.
        """


class _Gathered(logging.Handler):
    """The warnings of one job."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.said: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.said.append(record.getMessage())


def perform(job: Callable[[Config], Any], config: Config, gather: bool) -> Outcome:
    """Do the work; an error becomes a part of the outcome.

    Args:
        gather: take the warnings along, for who shows them elsewhere.
    """
    handler, root = _Gathered(), logging.getLogger()
    if gather:
        root.addHandler(handler)
    try:
        return Outcome(job(config), warnings=handler.said)
    except Exception as error:
        if n_processes() > 1:  # the others may be waiting for this one, who must not go on alone
            raise
        message = str(error) if getattr(error, "exit_code", None) is not None else system_message(error)
        if message is not None:
            return Outcome(error=message, warnings=handler.said)
        said, bug = f"{type(error).__name__}: {error}", None if gather else bug_message(error)
        return Outcome(error=said, trace=traceback.format_exc(), bug=bug, warnings=handler.said)
    finally:
        root.removeHandler(handler)


class InThisProcess(nullcontext):
    """The engine that runs one job after another, here."""

    n_jobs = 1

    def share(self, config: Config) -> Config:
        """As it is: with its bars, on all cores."""
        return config

    def run(
        self, jobs: Iterator[Job], begin: Callable[[Job], None], at_most: int | None = None
    ) -> Iterator[tuple[Job, Outcome]]:
        """As `Engine` says; warnings go where they always go."""
        for job in jobs:
            begin(job)
            yield job, perform(job.work, job.config, gather=False)


def builds_on_others(config: Config) -> bool:
    """Whether a run trains, or finds trained, runs of other models, which are therefore better made before it."""
    layers = collect_layers(config["model"], config["dataset"], config.overrides)
    return any("model" in layer.option_groups.values() for layer in layers)
