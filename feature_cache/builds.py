"""Resumable builds: chunk after chunk, each committed together with the record of how far the build is."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from tqdm import tqdm

from .errors import CacheError
from .store import Store

logger = logging.getLogger(__name__)


def canonical_json(value: Any) -> bytes:
    """`value` as JSON with sorted keys and no spaces: equal values give equal bytes."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), allow_nan=False).encode()


@dataclass(frozen=True)
class BuildState:
    """How far a build is.

    Attributes:
        n_items: items that the complete result has.
        identity: what the result depends on, JSON values; a build of another identity is not resumed but replaced.
        notes: what the build has to say about its items so far, JSON values.
        n_done: items that are stored, those with the ids 0 to n_done - 1.
    """

    n_items: int
    identity: dict[str, Any]
    notes: dict[str, Any] = field(default_factory=dict)
    n_done: int = 0

    @property
    def complete(self) -> bool:
        """Whether all items are stored."""
        return self.n_done == self.n_items

    def continues(self, other: BuildState) -> bool:
        """Whether `other` is a state of the same build, whose notes this one goes on with."""
        noted = all(type(self.notes.get(name)) is type(value) for name, value in other.notes.items())
        return noted and (self.n_items, self.identity) == (other.n_items, other.identity)


def load_state(record: bytes | None) -> BuildState | None:
    """The state of a build from its stored record; None without a record, or of one that no build can be in."""
    if record is None:
        return None
    try:
        state = BuildState(**json.loads(record))
    except (ValueError, TypeError, RecursionError):
        state = None
    if state is None or not _possible(state):
        logger.warning("a stored state of a build is damaged, and the build is made anew: %.100r", record)
        return None
    return state


def _possible(state: BuildState) -> bool:
    counts = all(type(n) is int for n in (state.n_items, state.n_done)) and 0 <= state.n_done <= state.n_items
    return counts and isinstance(state.identity, dict) and isinstance(state.notes, dict)


def run_build(
    store: Store,
    key: bytes,
    start: BuildState,
    step: Callable[[BuildState], tuple[BuildState, Mapping[bytes, bytes]]],
    label: str,
    progress: bool,
) -> None:
    """Build from the stored state under `key`, or from `start` when that is of another build, until all is stored.

    `step(state)` gives the next state and the entries to store with it. Several processes may run the same build: the
    first to commit a chunk wins, the others go on behind it.

    Raises:
        CacheError: another process runs another build under the same key.
    """
    committed = False
    with tqdm(total=start.n_items, desc=label, unit="item", disable=None if progress else True) as bar:
        while True:
            record = store.get_intact(key)
            state = load_state(record)
            if state is None or not state.continues(start):
                if committed:
                    raise CacheError(
                        f"{store.path}: another process builds {label} from other data or settings. Wait for it "
                        "to end, then start again."
                    )
                state = start
            elif not committed and 0 < state.n_done < state.n_items:
                logger.info("%s: going on after %d of %d items", label, state.n_done, state.n_items)
            bar.update(state.n_done - bar.n)
            if state.complete:
                return
            after, entries = step(state)
            committed |= store.commit(key, record, canonical_json(asdict(after)), entries)
