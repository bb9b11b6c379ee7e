"""The file that an interrupted run goes on from: written under a temporary name, then renamed."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch

from ..errors import DataError, UserError
from ..files import write_whole
from ..ranks import is_main
from ..weights_file import holds_nan, load_weights

log = logging.getLogger(__name__)

FORMAT = 1
PARTS = ("progress", "model", "optimizer", "scheduler", "random")
OF_ANOTHER_SHAPE = (KeyError, TypeError, ValueError, AttributeError, IndexError, RuntimeError)


class Checkpoint:
    """One file with all that training depends on between two epochs.

    Args:
        path: the file.
        identity: what the run computes; a file of another identity is refused.
        interval: seconds from one writing to the next, at least; 0 writes after every epoch.
    """

    def __init__(self, path: Path, identity: Mapping[str, Any], interval: float) -> None:
        self.path, self.identity, self.interval = path, dict(identity), interval
        self._written = time.monotonic()
        self._failed = False

    @property
    def _start_anew(self) -> str:
        return f"Delete {self.path} to train from the first epoch, or leave --resume out for a run of its own."

    def load(self) -> dict[str, Any] | None:
        """The state that `save` wrote; None if there is no file.

        Raises:
            DataError: an unreadable or damaged file, or one of another format, configuration or data.
        """
        start_anew = self._start_anew
        try:
            saved = load_weights(self.path)
        except FileNotFoundError:
            return None
        except (OSError, ValueError) as error:
            raise DataError(f"{self.path}: this checkpoint cannot be read ({error}). {start_anew}") from error
        if not isinstance(saved, dict) or saved.get("format") != FORMAT:
            found = saved.get("format") if isinstance(saved, dict) else None
            raise DataError(
                f"{self.path}: a checkpoint of another version of this program (format {found}, this one reads "
                f"{FORMAT}). {start_anew}"
            )
        identity, state = saved.get("identity"), saved.get("state")
        if not isinstance(identity, dict) or not isinstance(state, dict) or not set(PARTS) <= state.keys():
            raise DataError(
                f"{self.path}: half of a checkpoint: it lacks its identity or {', '.join(PARTS)}. {start_anew}"
            )
        differing = [key for key, value in self.identity.items() if identity.get(key) != value]
        if differing:
            changes = "; ".join(f"{key}: {identity.get(key)} then, {self.identity[key]} now" for key in differing)
            raise DataError(f"{self.path}: the checkpoint of another run ({changes}). {start_anew}")
        if holds_nan(state):
            raise DataError(
                f"{self.path}: this checkpoint is damaged: there are weights that are no numbers. {start_anew}"
            )
        return state

    @contextmanager
    def restoring(self) -> Iterator[None]:
        """Inside, what `load` gave is put in its places; what does not fit there is a `DataError`."""
        try:
            yield
        except UserError:
            raise
        except OF_ANOTHER_SHAPE as error:
            first = str(error).partition("\n")[0]
            said = f"{type(error).__name__}: {first}"
            raise DataError(f"{self.path}: this checkpoint does not fit ({said}). {self._start_anew}") from error

    def save(self, state: Callable[[], dict[str, Any]]) -> None:
        """Write `state()`, unless the last writing was less than `interval` seconds ago; the main process alone does.

        A disk that refuses is no reason to stop training: that is logged, and the file before stays.
        """
        if not is_main() or time.monotonic() - self._written < self.interval:
            return
        content = {"format": FORMAT, "identity": self.identity, "state": state()}
        if holds_nan(content["state"]):  # the next epoch ends training; resumed, it does again
            return
        try:
            write_whole(self.path, lambda file: torch.save(content, file))
        except DataError as error:
            level = logging.DEBUG if self._failed else logging.WARNING
            log.log(level, "%s Training goes on; interrupted, it would go on from the checkpoint before.", error)
            self._failed = True
        else:
            self._failed = False
        self._written = time.monotonic()

    def remove(self) -> None:
        """Delete the file: the run is over."""
        if is_main():
            self.path.unlink(missing_ok=True)
