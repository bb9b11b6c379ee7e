"""One LMDB environment on disk: opened lazily, once a process, with short transactions and a map that grows.

Each value has a checksum (`seal`). Version 0.1 wrote without: its values are read where there is no sealed one.
"""

from __future__ import annotations

import logging
import os
import struct
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar

import lmdb

from .errors import CacheError, EntryError
from .file_length import cut_short
from .seal import seal, unseal

logger = logging.getLogger(__name__)

T = TypeVar("T")

INITIAL_MAP_SIZE = 1 << 26  # bytes; doubled on demand, the file itself stays as small as its content
SCHEMA_KEY, SCHEMA = b"schema", b"feature_cache 1"
REMADE = "what encoders made is made anew, and gathered images are fetched again"
SEALED = b"sealed/"  # stands before the key of a value with a checksum

# The environments of this process: LMDB allows one a path, and none may cross a fork. The lock is held throughout each
# transaction, because a map must not grow, or an environment close, under a transaction of another thread.
_environments: dict[Path, tuple[lmdb.Environment, bool]] = {}  # path -> (environment, writable)
_lock = threading.Lock()


def _before_fork() -> None:
    _lock.acquire()
    while _environments:
        _environments.popitem()[1][0].close()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(before=_before_fork, after_in_parent=_lock.release, after_in_child=_lock.release)


def _foreign(path: Path) -> bool:
    """Whether a file in the folder is none of LMDB's, of which another process may be making the first ones."""
    return path.is_file() and path.name not in ("lock.mdb", "data.mdb")


def _begin(env: lmdb.Environment, write: bool) -> lmdb.Transaction[memoryview]:
    """A transaction with zero-copy values, in a map as large as another process may have let it grow."""
    try:
        return env.begin(write=write, buffers=True)
    except lmdb.MapResizedError:
        env.set_mapsize(0)
        return env.begin(write=write, buffers=True)


class Store:
    """Bytes by key in the LMDB environment at `path` (a folder, made by the first write).

    Holds nothing but the path, so it can be pickled and used on both sides of a fork. Readers open the environment
    read-only; the first write of a process reopens it for writing. Any number of processes may read while one writes.

    Raises (every method):
        CacheError: the folder is no environment of this package, or cannot be opened, locked, read or written.
    """

    def __init__(self, path: Path | str) -> None:
        self.path = Path(path).resolve()

    def __repr__(self) -> str:
        return f"Store({str(self.path)!r})"

    def get(self, key: bytes) -> bytes | None:
        """The value of `key`, or None.

        Raises:
            EntryError: it is damaged.
        """
        with self._transaction() as txn:
            value = txn and self._find(txn, key)
            return None if value is None else bytes(value)

    def get_intact(self, key: bytes) -> bytes | None:
        """As `get`; a value that is damaged is warned of, and counts as absent: who reads this can make it anew."""
        try:
            return self.get(key)
        except EntryError:
            logger.warning("%s: the entry %r is damaged, and made anew", self.path, key.decode())
            return None

    def read(self, keys: Iterable[bytes], decode: Callable[[memoryview], T]) -> list[T]:
        """`decode(value)` for every key, in one read transaction; `decode` copies what it keeps of the mapped memory.

        Raises:
            EntryError: a key is absent, or its value damaged.
        """
        with self._transaction() as txn:
            out = []
            for key in keys:
                value = txn and self._find(txn, key)
                if value is None:
                    raise EntryError(f"{self.path}: the cache holds no entry {key.decode()!r}")
                try:
                    out.append(decode(value))
                except (ValueError, TypeError, struct.error) as error:
                    raise EntryError(f"{self.path}: the entry {key.decode()!r} is damaged: {error}.") from error
            return out

    def scan(self, prefix: bytes) -> list[tuple[bytes, bytes]]:
        """All entries whose key starts with `prefix`, sorted by key; those that are damaged are warned of."""
        found: dict[bytes, bytes] = {}
        with self._transaction() as txn:
            if txn is None:
                return []
            for stored in (prefix, SEALED + prefix):  # sealed ones go before
                cursor = txn.cursor()
                for key, _ in cursor if cursor.set_range(stored) else ():
                    if not bytes(key).startswith(stored):
                        break
                    name = bytes(key)[len(stored) - len(prefix) :]
                    if (value := self._record(txn, name)) is None:
                        logger.warning("%s: the entry %r is damaged, and counts as absent", self.path, name.decode())
                    else:
                        found[name] = value
        return sorted(found.items())

    def commit(self, state_key: bytes, old: bytes | None, new: bytes, entries: Mapping[bytes, bytes]) -> bool:
        """One step of a resumable build: `entries` and the build's state record, in one transaction.

        Nothing is written, and False returned, when the record is no longer `old`: another process was faster. A
        damaged record counts as none.
        """
        map_full = False
        while True:
            try:
                with self._transaction(write=True, grow=map_full) as txn:
                    assert txn is not None  # the first write makes the environment
                    if self._record(txn, state_key) != old:
                        return False
                    txn.cursor().putmulti((SEALED + key, seal(key, value)) for key, value in entries.items())
                    txn.put(SEALED + state_key, seal(state_key, new))
                return True
            except lmdb.MapFullError:  # the transaction is gone as a whole: do it again in a larger map
                map_full = True

    def _find(self, txn: lmdb.Transaction[memoryview], key: bytes) -> memoryview | None:
        """The value of `key` in mapped memory, checked; None if there is none."""
        sealed = txn.get(SEALED + key)
        if sealed is None:
            return txn.get(key)
        if (value := unseal(key, sealed)) is None:
            raise EntryError(
                f"{self.path}: the entry {key.decode()!r} is damaged: it is not what was stored. Start again: what "
                "encoders made is then made anew. If that is of no help, delete this folder, and its content is."
            )
        return value

    def _record(self, txn: lmdb.Transaction[memoryview], key: bytes) -> bytes | None:
        """A copy of it; None if there is none, or a damaged one."""
        try:
            value = self._find(txn, key)
        except EntryError:
            return None
        return None if value is None else bytes(value)

    def close(self) -> None:
        """Close this process's environment; the next call opens it again."""
        with _lock:
            if self.path in _environments:
                _environments.pop(self.path)[0].close()

    @contextmanager
    def _transaction(self, write: bool = False, grow: bool = False) -> Iterator[lmdb.Transaction[memoryview] | None]:
        """A transaction with zero-copy values; None when reading from an environment that nobody has made yet."""
        with _lock:
            try:
                env = self._environment(write)
                if env is None:
                    yield None
                    return
                if grow:
                    env.set_mapsize(2 * env.info()["map_size"])
                with _begin(env, write) as txn:
                    yield txn
            except lmdb.MapFullError:
                raise
            except (lmdb.Error, OSError) as error:
                elsewhere = "`cache_path=FOLDER` keeps it elsewhere. Or check" if write else "Check"
                raise CacheError(
                    f"{self.path}: the feature cache cannot be {'written' if write else 'read'}: {error}. {elsewhere} "
                    "the permissions, the free space and that the file system is local (LMDB needs memory maps and "
                    "locks), or delete this folder if it is damaged: its content can be built again."
                ) from error

    def _environment(self, write: bool) -> lmdb.Environment | None:
        env, writable = _environments.get(self.path, (None, False))
        if env is not None and (writable or not write):
            return env
        if not self._on_disk() and not write:
            return None
        if env is not None:
            _environments.pop(self.path)[0].close()
        if write:
            self.path.mkdir(parents=True, exist_ok=True)
        self._require_whole()
        lock_file = self.path / "lock.mdb"
        env = lmdb.open(
            str(self.path),
            map_size=INITIAL_MAP_SIZE,
            readonly=not write,
            # A reader who may not write the lock file (read-only medium, another user's cache) goes without.
            lock=write or os.access(lock_file if lock_file.exists() else self.path, os.W_OK),
            max_readers=1024,
            max_spare_txns=0,  # a kept transaction would hold a reader slot across a fork
        )
        try:
            self._check_schema(env, write)
        except BaseException:
            env.close()
            raise
        _environments[self.path] = env, write
        return env

    def _require_whole(self) -> None:
        """Refuse a file that was cut short before it is mapped: reading past its end would kill the process."""
        if self._nbytes() and (lengths := cut_short(self.path)):
            raise CacheError(
                f"{self.path}: the cache is damaged: data.mdb has {lengths.found:,} bytes of {lengths.said:,}. Put it "
                f"aside with `ptmrec cache repair {self.path}`, or delete it: {REMADE}."
            )

    def _check_schema(self, env: lmdb.Environment, write: bool) -> None:
        with _begin(env, write) as txn:
            found = txn.get(SCHEMA_KEY)
            if found is None and txn.stat()["entries"] == 0:
                if write:
                    txn.put(SCHEMA_KEY, SCHEMA)
            elif found != SCHEMA:
                raise CacheError(
                    f"{self.path}: this LMDB environment is not of this version of the cache ({SCHEMA.decode()}). "
                    "Name another folder, or delete this one: its content can be built again."
                )

    def _on_disk(self) -> bool:
        if self._nbytes():
            return True
        foreign = self.path.exists() and (not self.path.is_dir() or any(map(_foreign, self.path.iterdir())))
        nbytes = self._nbytes()  # another process may have made it meanwhile, and then files beside it
        if foreign and nbytes is None:
            raise CacheError(
                f"{self.path}: not a feature cache (there is no data.mdb in it). Name a new or empty folder."
            )
        return bool(nbytes)

    def _nbytes(self) -> int | None:
        """Size of the environment's file: None if there is none, 0 while another process is making it."""
        try:
            return (self.path / "data.mdb").stat().st_size
        except (FileNotFoundError, NotADirectoryError):
            return None
