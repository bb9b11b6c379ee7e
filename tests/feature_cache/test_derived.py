from __future__ import annotations

import os
import pickle
import signal
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from feature_cache import CacheError, DerivedArrays, Store, describe, fingerprint

FIELDS = {"encoder": "ViT-B-32", "weights": "ab" * 32, "preprocess": {"size": 224, "mean": [0.5, 0.4]}, "block": 10}
N_ITEMS = 23


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "cache")


def vectors(ids: np.ndarray) -> list[np.ndarray]:
    """Arrays that, like a batched encoder's, depend on the batch that an item is in."""
    return [np.array([i, ids[0], len(ids)], np.float32) for i in ids]


def ragged(ids: np.ndarray) -> list[np.ndarray]:
    return [np.full((1 + i % 4, 8), i, np.float16) for i in ids]


def recording(
    encode: Callable, calls: list[list[int]], before: Callable[[int], object] = lambda call: None
) -> Callable:
    def wrapped(ids: np.ndarray) -> list[np.ndarray]:
        before(len(calls))
        calls.append(ids.tolist())
        return encode(ids)

    return wrapped


def raw(store: Store) -> list[tuple[bytes, bytes]]:
    return store.scan(b"array")


def test_build_and_read(store: Store) -> None:
    arrays, calls = DerivedArrays(store, FIELDS, N_ITEMS), []
    assert not arrays.complete
    arrays.build(recording(vectors, calls), chunk_size=10, label="image features")
    assert calls == [list(range(10)), list(range(10, 20)), list(range(20, 23))]
    assert arrays.complete
    expected = np.array([[i, i // 10 * 10, 10 if i < 20 else 3] for i in range(N_ITEMS)], np.float32)
    table = arrays.table()
    np.testing.assert_array_equal(table, expected)
    assert table.dtype == np.float32
    ids = np.array([22, 0, 7, 7])
    np.testing.assert_array_equal(arrays.table(ids), expected[ids])
    np.testing.assert_array_equal(arrays.read(ids), expected[ids])
    assert arrays.table(ids[:0]).shape == (0, 3)
    assert arrays.nbytes == N_ITEMS * (16 + 12)


def test_read_gives_arrays_of_the_callers_own(store: Store) -> None:
    arrays = DerivedArrays(store, FIELDS, N_ITEMS)
    arrays.build(ragged, 10, "tokens")
    first = arrays.read(np.array([3]))[0]
    assert first.flags.writeable and first.flags.aligned
    first[:] = -1
    np.testing.assert_array_equal(arrays.read(np.array([3]))[0], ragged(np.array([3]))[0])


def test_shapes_may_differ_but_make_no_table(store: Store) -> None:
    arrays = DerivedArrays(store, FIELDS, N_ITEMS)
    arrays.build(ragged, 10, "tokens")
    for got, expected in zip(arrays.read(np.arange(N_ITEMS)), ragged(np.arange(N_ITEMS))):
        np.testing.assert_array_equal(got, expected)
        assert got.dtype == np.float16
    with pytest.raises(CacheError, match=r"item 1 has float16 \(2, 8\), item 0 has float16 \(1, 8\)"):
        arrays.table()


def test_complete_arrays_are_not_built_again(store: Store) -> None:
    DerivedArrays(store, FIELDS, N_ITEMS).build(vectors, 10, "features")
    before = raw(store)
    DerivedArrays(Store(store.path), FIELDS, N_ITEMS).build(lambda ids: pytest.fail("encoded again"), 7, "features")
    assert raw(store) == before


def test_id_out_of_range(store: Store) -> None:
    arrays = DerivedArrays(store, FIELDS, N_ITEMS)
    arrays.build(vectors, 10, "features")
    for wrong in (N_ITEMS, -1):
        with pytest.raises(CacheError, match="no entry"):
            arrays.read(np.array([0, wrong]))


def test_killed_build_resumes_to_the_same_bytes(store: Store, tmp_path: Path, in_child) -> None:
    whole = Store(tmp_path / "whole")
    DerivedArrays(whole, FIELDS, N_ITEMS).build(vectors, 4, "features")

    def die_in_third_chunk(call: int) -> None:
        if call == 2:
            os.kill(os.getpid(), signal.SIGKILL)

    arrays = DerivedArrays(store, FIELDS, N_ITEMS)
    killed = in_child(lambda: arrays.build(recording(vectors, [], die_in_third_chunk), 4, "features"))
    assert killed == -signal.SIGKILL

    assert not arrays.complete
    for read in (lambda: arrays.read(np.array([0])), arrays.table):
        with pytest.raises(CacheError, match="stopped after 8 of 23 items"):
            read()
    assert [(found.n_done, found.complete) for found in describe(store)] == [(8, False)]

    calls: list[list[int]] = []
    arrays.build(recording(vectors, calls), 4, "features")
    assert calls[0] == [8, 9, 10, 11] and len(calls) == 4
    assert raw(store) == raw(whole)
    assert describe(store) == describe(whole)


def test_other_chunk_size_starts_over(store: Store) -> None:
    arrays = DerivedArrays(store, FIELDS, N_ITEMS)

    def fail_in_second_chunk(call: int) -> None:
        if call == 1:
            raise MemoryError

    with pytest.raises(MemoryError):
        arrays.build(recording(vectors, [], fail_in_second_chunk), 10, "features")
    calls: list[list[int]] = []
    arrays.build(recording(vectors, calls), 5, "features")
    assert calls[0] == [0, 1, 2, 3, 4] and len(calls) == 5
    assert arrays.table()[:, 2].tolist() == [5] * 20 + [3] * 3
    assert arrays.nbytes == N_ITEMS * (16 + 12)


def test_two_builders_share_the_chunks(store: Store) -> None:
    calls: list[list[int]] = []
    other = DerivedArrays(store, FIELDS, N_ITEMS)

    def overtake(call: int) -> None:
        if call == 1:
            other.build(recording(vectors, calls), 5, "features")

    arrays = DerivedArrays(store, FIELDS, N_ITEMS)
    arrays.build(recording(vectors, calls, overtake), 5, "features")
    assert arrays.complete
    np.testing.assert_array_equal(arrays.table()[:, :2], [[i, i // 5 * 5] for i in range(N_ITEMS)])
    assert arrays.nbytes == N_ITEMS * (16 + 12)


def test_two_builders_with_different_chunks_do_not_fight(store: Store) -> None:
    arrays, other = DerivedArrays(store, FIELDS, N_ITEMS), DerivedArrays(store, FIELDS, N_ITEMS)

    def stop(call: int) -> None:
        if call == 1:
            raise InterruptedError

    def interfere(call: int) -> None:
        if call == 1:
            with pytest.raises(InterruptedError):
                other.build(recording(vectors, [], stop), 4, "features")

    with pytest.raises(CacheError, match="another process builds features"):
        arrays.build(recording(vectors, [], interfere), 5, "features")
    assert not arrays.complete


def test_other_fingerprint_is_never_read_and_explained(store: Store) -> None:
    near = {**FIELDS, "preprocess": {"size": 256, "mean": [0.5, 0.4]}}
    far = {"encoder": "RN50", "weights": "cd" * 32, "preprocess": {"size": 224, "mean": [0.5, 0.4]}, "tokenizer": "bpe"}
    DerivedArrays(store, far, N_ITEMS).build(ragged, 10, "tokens")
    DerivedArrays(store, near, N_ITEMS).build(vectors, 10, "image features")
    arrays = DerivedArrays(store, FIELDS, N_ITEMS)
    assert not arrays.complete
    with pytest.raises(CacheError) as caught:
        arrays.read(np.array([0]))
    lines = str(caught.value).splitlines()
    assert str(store.path) in lines[0] and arrays.fingerprint[:12] in lines[0]
    assert "image features, 23 of 23 items" in lines[2]  # the nearest one first
    assert "preprocess.size: cached 256, asked for 224" in lines[2] and "mean" not in lines[2]
    assert "encoder: cached 'RN50', asked for 'ViT-B-32'" in lines[3]
    assert "block: cached None, asked for 10" in lines[3]
    assert "Encode again" in lines[-1]


def test_empty_cache_is_explained(store: Store) -> None:
    with pytest.raises(CacheError, match="holds no arrays at all"):
        DerivedArrays(store, FIELDS, N_ITEMS).table()


def test_other_number_of_items_is_another_build(store: Store) -> None:
    DerivedArrays(store, FIELDS, N_ITEMS).build(vectors, 10, "features")
    more = DerivedArrays(store, FIELDS, N_ITEMS + 1)
    with pytest.raises(CacheError, match="another number of items than 24"):
        more.read(np.array([0]))
    more.build(vectors, 10, "features")
    assert len(more.table()) == N_ITEMS + 1


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_non_finite_values_are_refused(store: Store, bad: float) -> None:
    def encode(ids: np.ndarray) -> list[np.ndarray]:
        return [np.array([bad if i == 12 else 0.0], np.float16) for i in ids]

    arrays = DerivedArrays(store, FIELDS, N_ITEMS)
    with pytest.raises(CacheError, match=r"NaN or infinity for item 12 \(float16\)"):
        arrays.build(encode, 10, "features")
    assert [found.n_done for found in describe(store)] == [10]


def test_wrong_number_of_arrays(store: Store) -> None:
    with pytest.raises(ValueError, match="3 arrays for 10 items"):
        DerivedArrays(store, FIELDS, N_ITEMS).build(lambda ids: vectors(ids)[:3], 10, "features")


def test_describe(store: Store) -> None:
    DerivedArrays(store, FIELDS, N_ITEMS).build(vectors, 10, "image features")
    DerivedArrays(store, {"encoder": "RN50"}, 5).build(ragged, 10, "tokens")
    found = {array_set.label: array_set for array_set in describe(store)}
    assert set(found) == {"image features", "tokens"}
    assert found["image features"].fields == FIELDS
    assert found["tokens"].fingerprint == fingerprint({"encoder": "RN50"})
    assert (found["tokens"].n_items, found["tokens"].complete) == (5, True)
    assert found["tokens"].nbytes == sum(16 + 2 * 8 * (1 + i % 4) for i in range(5))


def test_fingerprint_is_that_of_the_canonical_json() -> None:
    assert fingerprint({"b": [1, 2], "a": {"y": 1, "x": None}}) == fingerprint({"a": {"x": None, "y": 1}, "b": (1, 2)})
    assert fingerprint({"a": 1}) != fingerprint({"a": 2})
    # printf '{"a":1}' | sha256sum
    assert fingerprint({"a": 1}) == "015abd7f5cc57a2dd94b7590f04ad8084273905ee33ec5cebeae62276a97f862"


def test_children_read_what_the_parent_has_open(store: Store, in_child) -> None:
    arrays = DerivedArrays(store, FIELDS, N_ITEMS)
    arrays.build(vectors, 10, "features")
    expected = arrays.table()
    pickled = pickle.dumps(arrays)

    def read() -> None:
        np.testing.assert_array_equal(arrays.table(), expected)
        np.testing.assert_array_equal(pickle.loads(pickled).table(), expected)

    assert [in_child(read) for _ in range(3)] == [0, 0, 0]
    np.testing.assert_array_equal(arrays.table(), expected)
