"""Large downloads: resumed where they broke, checked, refused where they are not what was asked for."""

from __future__ import annotations

import asyncio
import gzip
import os
from types import SimpleNamespace

import pytest

from dataset_makers.prepare import download
from dataset_makers.prepare.download import fetched
from dataset_makers.prepare.web import Reach
from mmrec_host.errors import ConfigError, DataError

ANY = Reach(everywhere=True)
DATA = gzip.compress(os.urandom(3_000_000))


@pytest.fixture(autouse=True)
def reviews(server, monkeypatch):
    monkeypatch.setattr(download, "BACK_OFF", 0.01)
    server.files["reviews.json.gz"] = DATA


def test_a_broken_download_goes_on_where_it_was(tmp_path, server):
    server.cut_after = 2_000_000
    path = fetched(f"{server.address}/file/reviews.json.gz", tmp_path / "downloads", ANY, progress=False)
    assert path.read_bytes() == DATA
    assert [path.name for path in (tmp_path / "downloads").iterdir()] == [path.name]
    assert path.name.endswith("-reviews.json.gz")
    first, second = server.ranges
    assert first is None and 0 < int(second.removeprefix("bytes=").rstrip("-")) <= 2_000_000
    assert fetched(f"{server.address}/file/reviews.json.gz", tmp_path / "downloads", ANY, progress=False) == path
    assert len(server.ranges) == 2


def test_a_part_of_another_version_is_not_continued(tmp_path, server):
    source = f"{server.address}/file/reviews.json.gz"
    path = fetched(source, tmp_path, ANY, progress=False)
    path.rename(path.with_name(path.name + ".part"))
    path.with_name(path.name + ".part").write_bytes(b"\x1f\x8bold version")
    path.with_name(path.name + ".part.etag").write_text('"old"')
    assert fetched(source, tmp_path, ANY, progress=False).read_bytes() == DATA
    assert server.ranges == [None, "bytes=13-"]


def test_addresses_that_end_alike_are_different_files(tmp_path, server):
    other = gzip.compress(b"other")
    server.files |= {"mirror/reviews.json.gz": other, "reviews.json.gz?v=2": other}
    addresses = [f"{server.address}/file/{name}" for name in server.files]
    assert [fetched(address, tmp_path, ANY, progress=False).read_bytes() for address in addresses] == [
        DATA,
        other,
        other,
    ]


def test_pauses_between_attempts_are_doubled(tmp_path, server, monkeypatch):
    paused = []
    sleep = asyncio.sleep

    async def count(seconds: float) -> None:
        paused.append(seconds)
        await sleep(0)

    monkeypatch.setattr(download, "asyncio", SimpleNamespace(**{**vars(asyncio), "sleep": count}))
    monkeypatch.setattr(download, "BACK_OFF", 2.0)
    with pytest.raises(DataError, match="answers 500"):
        fetched(f"{server.address}/broken/x", tmp_path, ANY, progress=False)
    assert paused == [2.0, 4.0, 8.0, 16.0]


@pytest.mark.parametrize(
    ("path", "message"),
    [
        ("gone/reviews.json.gz", "404 Not Found.*A mirror or a local file can stand in"),
        ("broken/reviews.json.gz", "answers 500"),
        ("truncated/reviews.json.gz", "cannot be downloaded"),
        ("page/reviews.json.gz", "no gzip file"),
        ("huge/reviews.json.gz", "MB are free"),
        ("slow/head", "cannot be downloaded"),
        ("slow/body", "cannot be downloaded: only .* bytes in"),
        ("forever/x", "gives more than 0 GiB"),
        ("elsewhere/file:__etc_passwd", "cannot be downloaded"),
    ],
)
def test_what_a_server_does_wrong_ends_in_a_message(tmp_path, server, monkeypatch, path, message):
    monkeypatch.setattr(download, "ANSWER_WITHIN", 0.3)
    monkeypatch.setattr(download, "SLOWEST", (1000, 0.3))
    monkeypatch.setattr(download, "LARGEST", 1 << 22)
    monkeypatch.setattr(download, "ATTEMPTS", 2)
    with pytest.raises(DataError, match=message):
        fetched(f"{server.address}/{path}", tmp_path, ANY, progress=False)
    assert not list(tmp_path.glob("*-reviews.json.gz"))


def test_paths_and_other_schemes(tmp_path):
    (tmp_path / "local.gz").write_bytes(DATA)
    assert fetched(str(tmp_path / "local.gz"), tmp_path / "never made", ANY, progress=False) == tmp_path / "local.gz"
    assert not (tmp_path / "never made").exists()
    with pytest.raises(DataError, match="no such file"):
        fetched(str(tmp_path / "absent.gz"), tmp_path, ANY, progress=False)
    for source in ("file:///etc/passwd", "ftp://host/x.gz"):
        with pytest.raises(ConfigError, match="only http and https"):
            fetched(source, tmp_path, ANY, progress=False)
    assert not list(tmp_path.glob("*passwd*"))


def test_a_name_that_a_server_chose_stays_in_the_folder(tmp_path, server):
    server.files["..%2F..%2Fout.gz"] = DATA
    path = fetched(f"{server.address}/file/..%2F..%2Fout.gz", tmp_path / "downloads", ANY, progress=False)
    assert path.parent == tmp_path / "downloads"
