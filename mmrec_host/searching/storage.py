"""Optuna's storage of one search, in its folder: opened, written to by trials, and said to be damaged."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

from ..errors import ConfigError, DataError
from .trial import Pruned

FILE, NAME = "optuna.db", "search"
FIRST = 3  # epoch after which a trial may be broken off
SECONDS = 60  # that a process waits for another one's entry


def optuna_or_message() -> ModuleType:
    """Optuna; `ConfigError` if it is not installed."""
    try:
        import optuna
    except ImportError:
        raise ConfigError("--search optuna: optuna is not installed (pip install 'ptmrec[search]').") from None
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    return optuna


class Reports:
    """Tells the storage every score of one trial, in the process that trains it, and breaks it off.

    Raises:
        Pruned: the trial is not worth more epochs.
    """

    def __init__(self, file: Path, pruner: str, trial_id: int) -> None:
        self.file, self.trial = file, optuna_or_message().trial.Trial(open_study(file, pruner), trial_id)

    def __call__(self, epoch: int, score: float) -> None:
        """The score that the state after an epoch, counted over all phases, has."""
        with readable(self.file):
            self.trial.report(score, epoch)
            worth_it = not self.trial.should_prune()
        if not worth_it:
            raise Pruned


def open_study(file: Path, pruner: str) -> Any:
    """Optuna's study in a file, which is made if it is not there.

    Raises:
        DataError: the file is no storage of this Optuna.
    """
    optuna = optuna_or_message()
    pruners = {
        "median": optuna.pruners.MedianPruner(n_warmup_steps=FIRST),
        "halving": optuna.pruners.SuccessiveHalvingPruner(min_resource=FIRST),
        "none": optuna.pruners.NopPruner(),
    }
    with readable(file, RuntimeError):  # as it calls the storage of another version
        storage = optuna.storages.RDBStorage(
            f"sqlite:///{file.resolve()}", engine_kwargs={"connect_args": {"timeout": SECONDS}}
        )
        return optuna.create_study(
            storage=storage, study_name=NAME, direction="maximize", load_if_exists=True, pruner=pruners[pruner]
        )


@contextlib.contextmanager
def readable(file: Path, *others: type[Exception]) -> Iterator[None]:
    """Inside, what Optuna or its data base says of a damaged storage is a `DataError`."""
    optuna = optuna_or_message()
    from sqlalchemy.exc import SQLAlchemyError

    try:
        yield
    except (SQLAlchemyError, optuna.exceptions.OptunaError, *others) as error:
        raise unreadable(file, str(error).splitlines()[0]) from error


def unreadable(file: Path, reason: str) -> DataError:
    """The error on a storage that is none, or not the one that belongs to a search."""
    return DataError(
        f"{file}: cannot be read as Optuna's storage ({reason}). Bring the file back; or begin a new search, without "
        "--resume."
    )
