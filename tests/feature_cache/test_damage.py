"""What was damaged on the disk is noticed, and what can be made anew is."""

from __future__ import annotations

import logging
from pathlib import Path

import lmdb
import numpy as np
import pytest

from feature_cache import CacheError, DerivedArrays, EntryError, Store, describe
from feature_cache.store import SCHEMA, SCHEMA_KEY

N_ITEMS = 30
FIELDS = {"encoder": "any", "content": "ab"}


def vectors(ids: np.ndarray) -> list[np.ndarray]:
    return [np.full(64, i + 0.5, np.float32) for i in ids]


EXPECTED = np.stack(vectors(np.arange(N_ITEMS)))


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "cache")


@pytest.fixture
def arrays(store: Store) -> DerivedArrays:
    """Built and closed; the files are as a process left them that has ended."""
    arrays = DerivedArrays(store, FIELDS, N_ITEMS)
    arrays.build(vectors, 10, "image features")
    store.close()
    return DerivedArrays(store, FIELDS, N_ITEMS)


def overwrite(store: Store, what: bytes, by: bytes) -> None:
    """Replace bytes in the environment's file, wherever they are."""
    file = store.path / "data.mdb"
    data = file.read_bytes()
    assert what in data and len(what) == len(by)
    store.close()
    file.write_bytes(data.replace(what, by))


def damage(store: Store, item: int) -> None:
    """Zero the middle of an item's values."""
    overwrite(store, EXPECTED[item, 10:40].tobytes(), bytes(120))


def test_a_zeroed_value_is_never_read(arrays: DerivedArrays) -> None:
    damage(arrays.store, 7)
    for read in (arrays.table, lambda: arrays.read(np.array([7]))):
        with pytest.raises(EntryError, match="00000007' is damaged.*Start again") as caught:
            read()
        assert str(arrays.store.path) in str(caught.value) and caught.value.exit_code == 2
    np.testing.assert_array_equal(arrays.table(np.arange(7)), EXPECTED[:7])


def test_a_set_with_a_zeroed_value_is_made_anew_with_a_warning(arrays: DerivedArrays, caplog) -> None:
    assert arrays.intact() and not caplog.records
    damage(arrays.store, 29)
    assert not arrays.intact()
    assert [(r.levelno, r.getMessage()) for r in caplog.records] == [
        (logging.WARNING, f"{arrays.store.path}: stored image features are damaged, and made anew")
    ]
    assert not arrays.complete
    arrays.build(vectors, 10, "image features")
    assert arrays.intact()
    np.testing.assert_array_equal(arrays.table(), EXPECTED)
    assert [found.nbytes for found in describe(arrays.store)] == [N_ITEMS * (16 + 256)]


def test_the_value_of_another_item_is_damage_too(arrays: DerivedArrays) -> None:
    first, second = (arrays._keys(np.array([i]))[0] for i in (1, 2))
    with lmdb.open(str(arrays.store.path)) as env, env.begin(write=True) as txn:
        txn.put(b"sealed/" + first, txn.get(b"sealed/" + second))
    assert not arrays.intact()


def test_a_damaged_record_of_a_build_counts_as_none(arrays: DerivedArrays, caplog) -> None:
    overwrite(arrays.store, b'"n_done":30', b'"n_done":39')
    assert describe(arrays.store) == [] and not arrays.complete
    assert "is damaged" in caplog.text
    arrays.build(vectors, 10, "image features")
    np.testing.assert_array_equal(arrays.table(), EXPECTED)


def write_as_0_1(store: Store, entries: list[tuple[bytes, bytes]]) -> None:
    """The same entries as version 0.1 had them: without checksums."""
    store.path.mkdir()
    with lmdb.open(str(store.path)) as env, env.begin(write=True) as txn:
        txn.put(SCHEMA_KEY, SCHEMA)
        for key, value in entries:
            txn.put(key, value)


def test_arrays_of_version_0_1_are_read_and_their_build_goes_on(arrays: DerivedArrays, tmp_path: Path) -> None:
    entries = arrays.store.scan(b"array")
    whole, part = Store(tmp_path / "whole"), Store(tmp_path / "part")
    write_as_0_1(whole, entries)
    old = DerivedArrays(whole, FIELDS, N_ITEMS)
    assert old.intact()
    np.testing.assert_array_equal(old.table(), EXPECTED)

    half = [(key, value.replace(b'"n_done":30', b'"n_done":10')) for key, value in entries]
    write_as_0_1(part, [entry for entry in half if entry[0][-8:].decode() < "00000010" or b"arrays/" in entry[0]])
    resumed, calls = DerivedArrays(part, FIELDS, N_ITEMS), []
    resumed.build(lambda ids: calls.append(ids[0]) or vectors(ids), 10, "image features")
    assert calls == [10, 20] and resumed.intact()
    np.testing.assert_array_equal(resumed.table(), EXPECTED)


def test_what_is_written_goes_before_what_version_0_1_wrote(store: Store) -> None:
    write_as_0_1(store, [(b"state", b"old"), (b"a", b"1")])
    assert store.commit(b"state", b"old", b"new", {b"a": b"2"})
    assert (store.get(b"a"), store.get(b"state")) == (b"2", b"new")
    overwrite(store, b"sealed/a2", b"sealed/a3")
    with pytest.raises(CacheError, match="'a' is damaged"):
        store.get(b"a")
