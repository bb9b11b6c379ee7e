from __future__ import annotations

import os
import pickle
import signal
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

import lmdb
import pytest

from feature_cache import CacheError, Store, describe
from feature_cache import store as store_module


def put(store: Store, entries: dict[bytes, bytes]) -> None:
    old = store.get(b"state")
    assert store.commit(b"state", old, b"%d" % (int(old or 0) + 1), entries)


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "cache")


def test_round_trip(store: Store) -> None:
    put(store, {b"a/1": b"one", b"a/2": b"two", b"b/1": b""})
    assert store.get(b"a/1") == b"one"
    assert store.get(b"b/1") == b""
    assert store.get(b"c") is None
    assert store.scan(b"a/") == [(b"a/1", b"one"), (b"a/2", b"two")]
    assert store.scan(b"z") == []
    assert store.read([b"a/2", b"a/1"], bytes) == [b"two", b"one"]
    store.close()
    assert store.get(b"a/1") == b"one"


def test_commit_against_an_outdated_state_writes_nothing(store: Store) -> None:
    put(store, {b"a": b"first"})
    assert not store.commit(b"state", None, b"9", {b"a": b"second"})
    assert not store.commit(b"state", b"7", b"9", {b"a": b"second"})
    assert (store.get(b"a"), store.get(b"state")) == (b"first", b"1")


def test_absent_entry_is_named(store: Store) -> None:
    put(store, {b"a": b"1"})
    with pytest.raises(CacheError, match="no entry 'array/7'"):
        store.read([b"a", b"array/7"], bytes)


def test_reading_what_does_not_exist_makes_no_folder(store: Store) -> None:
    assert store.get(b"a") is None
    assert describe(store) == []
    with pytest.raises(CacheError):
        store.read([b"a"], bytes)
    assert not store.path.exists()


def test_reader_before_writer_in_one_process(store: Store) -> None:
    put(store, {b"a": b"1"})
    store.close()
    same = Store(store.path / ".." / "cache")
    assert same.get(b"a") == b"1"  # read-only so far
    put(store, {b"a": b"2"})
    assert same.get(b"a") == b"2"


def test_map_grows_with_its_content(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(store_module, "INITIAL_MAP_SIZE", 1 << 16)
    for step in range(3):
        put(store, {b"%d/%d" % (step, i): bytes([i]) * 20_000 for i in range(50)})
    store.close()
    assert all(store.get(b"%d/%d" % (step, i)) == bytes([i]) * 20_000 for step in range(3) for i in range(50))


def test_growth_is_seen_by_a_process_that_had_it_open(store: Store, monkeypatch: pytest.MonkeyPatch, in_child) -> None:
    monkeypatch.setattr(store_module, "INITIAL_MAP_SIZE", 1 << 16)
    put(store, {b"a": b"1"})
    assert store.get(b"a") == b"1"
    grow = {b"%d" % i: bytes([i]) * 20_000 for i in range(50)}
    go, gone = os.pipe()

    def read_then_wait_then_read() -> None:
        assert store.get(b"a") == b"1"
        os.write(gone, b"x")
        deadline = time.monotonic() + 10
        while store.get(b"state") == b"1" and time.monotonic() < deadline:
            pass
        assert store.read(list(grow), bytes) == list(grow.values())
        put(store, {b"from child": b"1"})

    def write() -> None:
        os.read(go, 1)
        put(store, grow)

    writer = threading.Thread(target=write)
    writer.start()
    exit_code = in_child(read_then_wait_then_read)
    os.write(gone, b"x")  # so that the thread ends in any case
    writer.join()
    assert exit_code == 0
    assert store.get(b"from child") == b"1"


def test_threads_read_while_the_map_grows(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(store_module, "INITIAL_MAP_SIZE", 1 << 16)
    put(store, {b"a": b"a" * 5000})
    done, seen = threading.Event(), []

    def read() -> None:
        while not done.is_set():
            seen.append(store.get(b"a") == b"a" * 5000)

    thread = threading.Thread(target=read)
    thread.start()
    for step in range(8):
        put(store, {b"%d" % step: bytes(100_000 << min(step, 4))})
    done.set()
    thread.join()
    assert seen and all(seen)


def test_fork_while_the_parent_uses_it(store: Store, in_child) -> None:
    put(store, {b"a": b"1"})

    def read_and_write() -> None:
        assert not store_module._environments  # LMDB forbids the use of an inherited one
        assert store.get(b"a") == b"1"
        put(store, {b"b": b"child"})

    for _ in range(3):
        assert store.get(b"a") == b"1"
        assert in_child(read_and_write) == 0
    assert store.get(b"b") == b"child"
    put(store, {b"a": b"2"})
    assert store.get(b"a") == b"2"


def test_pickled_store_works_beside_the_original(store: Store, in_child) -> None:
    put(store, {b"a": b"1"})
    data = pickle.dumps(store)
    assert pickle.loads(data).get(b"a") == b"1"
    assert in_child(lambda: put(pickle.loads(data), {b"a": b"2"})) == 0
    assert store.get(b"a") == b"2"


def test_kill_inside_a_transaction_leaves_the_committed_state(store: Store, in_child) -> None:
    class DeadlyEntries(dict):
        def items(self):
            yield b"a", b"half"
            os.kill(os.getpid(), signal.SIGKILL)

    put(store, {b"a": b"whole"})
    assert in_child(lambda: put(store, DeadlyEntries())) == -signal.SIGKILL
    assert (store.get(b"a"), store.get(b"state")) == (b"whole", b"1")
    put(store, {b"a": b"after"})
    assert store.get(b"a") == b"after"


def test_an_environment_that_another_process_is_making_is_not_there_yet(store: Store) -> None:
    (store.path / "other").mkdir(parents=True)  # a folder of somebody else's work on the dataset
    for name in ("lock.mdb", "data.mdb"):
        (store.path / name).touch()
        assert store.get(b"a") is None and store.scan(b"a") == []
    put(store, {b"a": b"1"})
    assert store.get(b"a") == b"1"


def foreign_environment(path: Path) -> None:
    with lmdb.open(str(path)) as env, env.begin(write=True) as txn:
        txn.put(b"image-00001", b"...")


def test_a_reader_who_comes_while_it_is_made_sees_a_cache(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """It looks for the environment, another process makes it and a report beside it, and it looks at the folder."""
    store.path.mkdir()
    foreign = store_module._foreign

    def made_meanwhile(path: Path) -> bool:
        monkeypatch.setattr(store_module, "_foreign", foreign)
        make = f"Store({str(store.path)!r}).commit(b'state', None, b'1', {{b'a': b'1'}})"
        subprocess.run([sys.executable, "-c", f"from feature_cache import Store; {make}"], check=True)
        return True

    (store.path / "lock.mdb").touch()
    monkeypatch.setattr(store_module, "_foreign", made_meanwhile)
    assert store.get(b"a") == b"1"


def folder_with(name: str, content: bytes):
    def make(path: Path) -> None:
        path.mkdir()
        (path / name).write_bytes(content)

    return make


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (folder_with("sports.inter", b"userID"), "not a feature cache"),
        (folder_with("data.mdb", b"junk" * 5000), "not an LMDB file"),
        (foreign_environment, "not of this version"),
        (lambda path: path.write_text("a file"), "not a feature cache"),
    ],
)
def test_what_is_no_cache_is_refused_and_left_alone(store: Store, make, message: str) -> None:
    make(store.path)
    before = {
        path: path.read_bytes() for path in store.path.parent.rglob("*") if path.is_file() and path.stem != "lock"
    }
    with pytest.raises(CacheError, match=message) as caught:
        store.get(b"a")
    assert str(store.path) in str(caught.value)
    assert caught.value.exit_code == 2
    with pytest.raises(CacheError, match=message):
        store.commit(b"state", None, b"1", {})
    assert all(path.read_bytes() == data for path, data in before.items())


def become_nobody() -> None:
    if os.geteuid() == 0:
        os.setgroups([])
        os.setuid(65534)


def test_unreadable_cache(store: Store, in_child) -> None:
    put(store, {b"a": b"1"})
    store.path.chmod(0)

    def read() -> None:
        become_nobody()
        with pytest.raises(CacheError, match="[Pp]ermission"):
            store.get(b"a")

    try:
        assert in_child(read) == 0
    finally:
        store.path.chmod(0o700)


def test_read_only_cache(in_child) -> None:
    with tempfile.TemporaryDirectory() as folder:
        store = Store(Path(folder) / "cache")
        put(store, {b"a": b"1"})
        store.close()
        modes = {store.path / "data.mdb": 0o444, store.path / "lock.mdb": 0o444, store.path: 0o555, Path(folder): 0o755}
        for path, mode in modes.items():
            path.chmod(mode)

        def read() -> None:
            become_nobody()
            assert store.get(b"a") == b"1"
            with pytest.raises(CacheError, match="cannot be written.*[Pp]ermission.*cache_path=FOLDER"):
                store.commit(b"state", b"1", b"2", {})

        try:
            assert in_child(read) == 0
        finally:
            store.path.chmod(0o755)
