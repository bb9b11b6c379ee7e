"""What encoders made of the items: one array an item, under a fingerprint of everything that it depends on."""

from __future__ import annotations

import hashlib
import json
import logging
import reprlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np

from .arrays import pack, unpack
from .builds import BuildState, canonical_json, load_state, run_build
from .errors import CacheError, EntryError
from .store import Store

logger = logging.getLogger(__name__)

STATE_PREFIX = b"arrays/"


def fingerprint(fields: Mapping[str, Any]) -> str:
    """SHA-256 of the canonical JSON of `fields`, in hexadecimal."""
    return hashlib.sha256(canonical_json(dict(fields))).hexdigest()


@dataclass(frozen=True)
class ArraySet:
    """What the environment holds under one fingerprint; `nbytes` counts what is stored so far."""

    fingerprint: str
    fields: dict[str, Any]
    label: str
    n_items: int
    n_done: int
    nbytes: int

    @property
    def complete(self) -> bool:
        """Whether the arrays of all items are there."""
        return self.n_done == self.n_items


def describe(store: Store) -> list[ArraySet]:
    """All array sets of `store`, complete or not, sorted by fingerprint; empty when there is no environment yet."""
    return [
        ArraySet(
            fingerprint=key.removeprefix(STATE_PREFIX).decode(),
            fields=state.identity.get("fields", {}),
            label=str(state.notes.get("label", "unknown")),
            n_items=state.n_items,
            n_done=state.n_done,
            nbytes=state.notes.get("nbytes", 0),
        )
        for key, record in store.scan(STATE_PREFIX)
        if (state := load_state(record)) is not None
    ]


class DerivedArrays:
    """The arrays of `n_items` items that belong to `fields`; complete or absent.

    Args:
        store: the dataset's environment.
        fields: all that the values depend on, JSON values only: encoder, weights hash, preprocessing, tokenizer, text
            template, block, dtype, PEFT state, content digest ...
        n_items: how many items there are.
    """

    def __init__(self, store: Store, fields: Mapping[str, Any], n_items: int) -> None:
        self.store, self.n_items = store, n_items
        self.fields: dict[str, Any] = json.loads(canonical_json(dict(fields)))
        self.fingerprint = fingerprint(fields)
        self._state_key = STATE_PREFIX + self.fingerprint.encode()
        self._known_complete = False

    def _state(self) -> BuildState | None:
        state = load_state(self.store.get_intact(self._state_key))
        if state is None or state.n_items != self.n_items or not {"label", "nbytes"} <= state.notes.keys():
            return None
        return state

    @property
    def complete(self) -> bool:
        """Whether the arrays of all items are there."""
        if not self._known_complete:  # only a damaged set is taken back
            state = self._state()
            self._known_complete = state is not None and state.complete
        return self._known_complete

    def intact(self) -> bool:
        """Whether the arrays of all items are there and as they were stored, which reads them all.

        A complete set with a damaged array is warned of and taken back, so that `build` makes it anew.
        """
        if not self.complete:
            return False
        try:
            self.store.read(self._keys(np.arange(self.n_items)), lambda value: None)
        except EntryError:
            self._take_back()
            return False
        return True

    def _take_back(self) -> None:
        record = self.store.get_intact(self._state_key)
        state = load_state(record)
        if state is not None and state.complete:
            logger.warning("%s: stored %s are damaged, and made anew", self.store.path, state.notes["label"])
            anew = replace(state, n_done=0, notes={**state.notes, "nbytes": 0})
            self.store.commit(self._state_key, record, canonical_json(asdict(anew)), {})
        self._known_complete = False

    @property
    def nbytes(self) -> int:
        """Bytes stored so far, headers included."""
        state = self._state()
        return state.notes["nbytes"] if state else 0

    def build(
        self,
        encode: Callable[[np.ndarray], Sequence[np.ndarray]],
        chunk_size: int,
        label: str,
        progress: bool = False,
        chunks_a_step: int = 1,
    ) -> None:
        """Encode all items in fixed chunks of consecutive ids; nothing to do when complete.

        An interrupted build goes on at its first missing chunk, if `chunk_size` is the same (the bytes of a batch may
        depend on its size); otherwise it starts over.

        Args:
            encode: int64 ids `[k]` -> k arrays, whose shapes may differ.
            chunk_size: items a chunk.
            label: what is encoded, for the progress bar and `describe`.
            progress: show a progress bar when stderr is a terminal.
            chunks_a_step: so many chunks are asked for at once, and stored in one transaction.

        Raises:
            CacheError: `encode` returned NaN or infinity, or another process builds the same with other chunks.
            ValueError: `encode` returned another number of arrays, or `chunk_size` is not positive.
        """
        if chunk_size < 1:
            raise ValueError(f"chunk_size must be at least 1, not {chunk_size}")

        def step(state: BuildState) -> tuple[BuildState, dict[bytes, bytes]]:
            ids = np.arange(state.n_done, min(state.n_done + chunk_size * chunks_a_step, self.n_items))
            entries = self._entries(ids, encode(ids))
            nbytes = state.notes["nbytes"] + sum(map(len, entries.values()))
            notes = {**state.notes, "nbytes": nbytes}
            return replace(state, n_done=state.n_done + len(ids), notes=notes), entries

        if not self.complete:
            identity = {"fields": self.fields, "chunk_size": chunk_size}
            start = BuildState(self.n_items, identity, notes={"label": label, "nbytes": 0})
            run_build(self.store, self._state_key, start, step, label, progress)

    def read(self, ids: np.ndarray) -> list[np.ndarray]:
        """The arrays of `ids` `[k]`, in that order: writable copies, one read transaction.

        Raises:
            CacheError: the set is not complete (the message says what is there instead), or an id is out of range.
        """
        self._require_complete()
        return self.store.read(self._keys(ids), lambda value: unpack(value).copy())

    def table(self, ids: np.ndarray | None = None) -> np.ndarray:
        """The arrays of `ids` (all items if None) stacked, `[k, ...]`, copied once from the mapped file.

        Raises:
            CacheError: as `read`, or the items' shapes or dtypes differ.
        """
        ids = np.arange(self.n_items) if ids is None else np.asarray(ids)
        first = self.read(ids[:1] if len(ids) else np.arange(1))[0]
        rows = np.empty((len(ids), *first.shape), first.dtype)
        positions = iter(range(len(ids)))

        def fill(value: memoryview) -> None:
            row, array = next(positions), unpack(value)
            if (array.shape, array.dtype) != (first.shape, first.dtype):
                raise CacheError(
                    f"{self.store.path}: item {ids[row]} has {array.dtype} {array.shape}, item {ids[0]} has "
                    f"{first.dtype} {first.shape}: these arrays make no table, read them one by one."
                )
            rows[row] = array

        self.store.read(self._keys(ids), fill)
        return rows

    def _keys(self, ids: np.ndarray) -> list[bytes]:
        return [f"array/{self.fingerprint}/{i:08d}".encode() for i in np.asarray(ids).tolist()]

    def _entries(self, ids: np.ndarray, arrays: Sequence[np.ndarray]) -> dict[bytes, bytes]:
        if len(arrays) != len(ids):
            raise ValueError(f"encode returned {len(arrays)} arrays for {len(ids)} items")
        for i, array in zip(ids, arrays):
            if not np.isfinite(array).all():
                raise CacheError(
                    f"the encoder gave NaN or infinity for item {i} ({array.dtype}); nothing of this chunk was stored. "
                    "Try a wider dtype (float32)."
                )
        return dict(zip(self._keys(ids), map(pack, arrays)))

    def _require_complete(self) -> None:
        if self.complete:
            return
        message = f"{self.store.path}: the arrays asked for (fingerprint {self.fingerprint[:12]}) are not in the cache"
        state = self._state()
        if state is not None:
            raise CacheError(
                f"{message} as a whole: their build stopped after {state.n_done} of {state.n_items} items. Build them "
                "again, it goes on from there."
            )
        others = [(_differences(other.fields, self.fields), other) for other in describe(self.store)]
        lines = [
            f"  {other.fingerprint[:12]} {other.label}, {other.n_done} of {other.n_items} items, "
            f"{other.nbytes / 1e6:.1f} MB; {'; '.join(differing) or f'for another number of items than {self.n_items}'}"
            for differing, other in sorted(others, key=lambda pair: len(pair[0]))
        ]
        held = ".\nIt holds:\n" + "\n".join(lines) if lines else "; it holds no arrays at all."
        raise CacheError(f"{message}{held}\nEncode again with these settings, or go back to settings that are cached.")


def _differences(cached: dict[str, Any], asked: dict[str, Any]) -> list[str]:
    cached, asked = _flat(cached), _flat(asked)
    return [
        f"{key}: cached {reprlib.repr(cached.get(key))}, asked for {reprlib.repr(asked.get(key))}"
        for key in sorted(cached.keys() | asked.keys())
        if cached.get(key) != asked.get(key)
    ]


def _flat(fields: dict[str, Any], prefix: str = "") -> dict[str, Any]:
    flat: dict[str, Any] = {}
    for key, value in fields.items():
        flat |= _flat(value, f"{prefix}{key}.") if isinstance(value, dict) else {prefix + key: value}
    return flat
