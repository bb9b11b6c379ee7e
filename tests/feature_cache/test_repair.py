"""A damaged cache: told before it is mapped, checked, repaired; nothing is deleted that cannot be made anew."""

from __future__ import annotations

from pathlib import Path

import lmdb
import numpy as np
import pytest

from feature_cache import CacheError, DerivedArrays, Store
from feature_cache.builds import BuildState, load_state
from feature_cache.file_length import lengths
from feature_cache.repair import damaged_entries, drop, put_aside, unreadable
from mmrec_host.cli.main import main

N = 30


def vectors(ids: np.ndarray) -> list[np.ndarray]:
    return [np.full(600, i, np.float32) for i in ids]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A built and closed environment."""
    store = Store(tmp_path / "cache" / "toy")
    DerivedArrays(store, {"encoder": "any"}, N).build(vectors, 10, "image features")
    store.close()
    return store.path


def cut(folder: Path, nbytes: int) -> None:
    data = (folder / "data.mdb").read_bytes()
    (folder / "data.mdb").write_bytes(data[:nbytes])


def test_the_lengths_are_those_of_lmdb(folder):
    with lmdb.open(str(folder), readonly=True) as env:
        said = (env.info()["last_pgno"] + 1) * env.stat()["psize"]
    assert lengths(folder / "data.mdb") == ((folder / "data.mdb").stat().st_size, said)
    (folder / "data.mdb").write_bytes(b"not LMDB's")
    assert lengths(folder / "data.mdb") is None


@pytest.mark.parametrize("share", [0.2, 0.5, 0.8])
def test_a_file_that_was_cut_short_is_refused_before_it_is_mapped(folder, share):
    cut(folder, int(share * (folder / "data.mdb").stat().st_size))
    with pytest.raises(CacheError, match=r"the cache is damaged: data.mdb has .* bytes of .*ptmrec cache repair"):
        DerivedArrays(Store(folder), {"encoder": "any"}, N).table()


def test_a_file_that_ends_before_a_page_that_was_freed_is_whole(folder):
    with (folder / "data.mdb").open("r+b") as file:  # as if one more page had been used once
        for at in (0, 4096):
            file.seek(at + 16 + 24 + 96)
            last = int.from_bytes(file.read(8), "little") + 1
            file.seek(-8, 1)
            file.write(last.to_bytes(8, "little"))
    assert lengths(folder / "data.mdb").said > lengths(folder / "data.mdb").found
    np.testing.assert_array_equal(DerivedArrays(Store(folder), {"encoder": "any"}, N).table()[:, 0], np.arange(N))


@pytest.mark.parametrize("n_done", [-1, 31, "3", None, 10**9])
def test_a_state_that_no_build_is_in_counts_as_none(n_done):
    from dataclasses import asdict

    from feature_cache.builds import canonical_json

    record = canonical_json({**asdict(BuildState(30, {"a": 1})), "n_done": n_done})
    assert load_state(record) is None
    for other in (b"[]", b"{}", b'{"n_items": 3}', b"\xff", b"[" * 100_000):
        assert load_state(other) is None


@pytest.mark.parametrize("n_done", [-5, 31])
def test_a_build_with_such_a_state_is_made_anew(folder, n_done):
    arrays = DerivedArrays(Store(folder), {"encoder": "any"}, N)
    record = arrays.store.get(arrays._state_key)
    arrays.store.commit(arrays._state_key, record, record.replace(b'"n_done":30', b'"n_done":%d' % n_done), {})
    again = DerivedArrays(Store(folder), {"encoder": "any"}, N)
    assert not again.complete
    again.build(vectors, 10, "image features")
    np.testing.assert_array_equal(again.table()[:, 0], np.arange(N))


def test_damaged_entries_are_found_and_dropped(folder):
    data = (folder / "data.mdb").read_bytes()
    (folder / "data.mdb").write_bytes(data.replace(np.full(50, 7, np.float32).tobytes(), bytes(200)))
    store = Store(folder)
    found = damaged_entries(store)
    assert len(found) == 1 and found[0].endswith(b"/00000007")
    drop(store, found)
    assert damaged_entries(store) == [] and unreadable(folder) is None
    arrays = DerivedArrays(store, {"encoder": "any"}, N)
    assert not arrays.intact()
    arrays.build(vectors, 10, "image features")
    np.testing.assert_array_equal(arrays.table()[:, 0], np.arange(N))


def test_an_environment_is_put_aside_and_not_deleted(folder):
    data = (folder / "data.mdb").read_bytes()
    assert put_aside(folder).name == "toy.damaged-1" and not folder.exists()
    assert (folder.parent / "toy.damaged-1" / "data.mdb").read_bytes() == data


def test_the_command_lists_checks_and_repairs(folder, capsys, monkeypatch):
    monkeypatch.chdir(folder.parents[1])
    assert main(["cache", "list"]) == 0
    assert "image features: 30 items" in capsys.readouterr().out
    assert main(["cache", "check"]) == 0
    assert "cache/toy: as it was stored" in capsys.readouterr().out
    Store(folder).close()
    cut(folder, 30_000)
    assert main(["cache", "check", str(folder)]) == 1
    assert "damaged: data.mdb has 30,000 bytes" in capsys.readouterr().out
    assert main(["cache", "repair", str(folder)]) == 0
    assert "put aside as" in capsys.readouterr().out and not folder.exists()
    assert main(["cache", "check", str(folder)]) == 2
    assert "no cache: there is no data.mdb in it" in capsys.readouterr().err
