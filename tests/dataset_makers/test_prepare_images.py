"""Images from servers that misbehave, and from folders: every outcome is recorded, nothing hangs or is asked twice."""

from __future__ import annotations

import itertools
import os
import shutil
import socket
import time
from collections import Counter
from pathlib import Path
from types import SimpleNamespace

import pytest
from faulty_server import FaultyServer, picture

from dataset_makers.prepare.images import gathering
from dataset_makers.prepare.images.fetch import Manners, gather_urls
from dataset_makers.prepare.images.files import gather_files
from dataset_makers.prepare.web import Reach
from feature_cache import ImageStore, Outcome
from mmrec_host.errors import DataError

EVERYWHERE = Reach(everywhere=True)
QUICK = Manners(deadline=2.0, back_off=0.01, longest_pause=0.2)


def fetch(home: Path, server: FaultyServer, paths: list[str], manners: Manners = QUICK) -> dict[str, str]:
    """Outcome by path."""
    gather_urls(home, [f"{server.address}/{path}" for path in paths], manners, None, EVERYWHERE, progress=False)
    found = ImageStore(home).outcomes()
    return {url.removeprefix(server.address + "/"): outcome.kind for url, outcome in found.items()}


def test_each_way_to_misbehave_has_its_outcome(tmp_path, server):
    expected = {
        "good/1": "ok",
        "moved/good/2": "ok",
        "busy/2/x": "ok",
        "gone/x": "gone",
        "pixel/x": "gone",
        "elsewhere/file:__etc_passwd": "gone",
        "elsewhere/ftp:__host_x": "gone",
        "page/x": "not an image",
        "bomb/x": "not an image",
        "forever/x": "too large",
        "huge/x": "too large",
        "truncated/x": "failed",
        "broken/x": "failed",
        "forbidden/x": "failed",
        "slow/body": "failed",
        "slow/head": "failed",
    }
    assert fetch(tmp_path, server, list(expected)) == expected  # and it ends
    images = ImageStore(tmp_path)
    assert images.image(f"{server.address}/good/1") == picture(1)
    assert images.image(f"{server.address}/page/x") is None
    assert [path.name for path in tmp_path.iterdir()] == ["images.lmdb"]


def test_addresses_that_are_none_are_recorded_and_a_redirect_loop_ends(tmp_path, server):
    odd = ["http://", "http://[bad", "ftp://127.0.0.1/x.jpg", "file:///etc/passwd", "http://a b/c", "://x"]
    gather_urls(tmp_path, odd, QUICK, None, EVERYWHERE, progress=False)
    assert {o.kind for o in ImageStore(tmp_path).outcomes().values()} <= {"gone", "failed"}
    assert len(ImageStore(tmp_path).outcomes()) == len(odd)
    assert fetch(tmp_path, server, ["moved/" * 9 + "good/x"])["moved/" * 9 + "good/x"] == "gone"


def test_a_second_run_asks_only_for_what_failed_or_is_new(tmp_path, server):
    paths = ["good/1", "gone/x", "page/x", "broken/x"]
    fetch(tmp_path, server, paths)
    first = Counter(server.asked)
    assert first["/broken/x"] == QUICK.attempts
    kinds = fetch(tmp_path, server, [*paths, "good/22"])
    assert kinds["good/22"] == "ok"
    assert server.asked - first == {"/broken/x": QUICK.attempts, "/good/22": 1}


def test_one_address_of_many_items_is_asked_for_once_and_connections_are_few(tmp_path, server):
    paths = [f"good/{number}" for number in range(60)]
    fetch(tmp_path, server, [*paths, *paths], Manners(per_host=3))
    assert set(server.asked.values()) == {1}
    assert server.most_at_once <= 3


def test_a_pause_that_a_server_asks_for_is_heeded_by_all_requests_to_it(tmp_path, server):
    began = time.monotonic()
    fetch(tmp_path, server, ["busy/1/a"], Manners(back_off=0.01))
    assert time.monotonic() - began >= 1.0


def test_a_dead_server_is_given_up(tmp_path):
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        address = f"http://127.0.0.1:{unused.getsockname()[1]}"
    manners = Manners(back_off=0.001, give_up_after=10)
    gather_urls(tmp_path, [f"{address}/{n}" for n in range(200)], manners, None, EVERYWHERE, progress=False)
    details = Counter(o.detail.split(":")[0] for o in ImageStore(tmp_path).outcomes().values())
    assert details["not asked for"] >= 100 and sum(details.values()) == 200


def test_images_that_a_server_never_gives_do_not_make_it_look_dead(tmp_path, server):
    paths = [*(f"broken/{n}" for n in range(12)), *(f"good/{n}" for n in range(100))]
    urls = [f"{server.address}/{path}" for path in paths]
    ImageStore(tmp_path).add({url: (Outcome(url, "failed", "the server was down"), b"") for url in urls})
    kinds = fetch(tmp_path, server, paths, Manners(attempts=1, give_up_after=10))
    assert {path for path, kind in kinds.items() if kind == "ok"} == set(paths[12:])


def test_another_host_stands_in(tmp_path, server):
    url = "http://images.invalid/good/1"
    gather_urls(tmp_path, [url], QUICK, server.address.removeprefix("http://"), EVERYWHERE, progress=False)
    assert ImageStore(tmp_path).image(url) == picture(1)


def test_a_host_that_stands_in_for_many_is_one_server(tmp_path, server):
    urls = [f"http://images-{n % 5}.invalid/good/{n}" for n in range(60)]
    gather_urls(tmp_path, urls, Manners(per_host=2), server.address.removeprefix("http://"), EVERYWHERE, progress=False)
    assert server.asked.total() == 60 and server.most_at_once <= 2


def test_a_nearly_full_disk_ends_the_run_and_the_next_goes_on(tmp_path, server, monkeypatch):
    monkeypatch.setattr(gathering, "BATCH_IMAGES", 5)
    free = itertools.chain([1 << 40] * 3, itertools.repeat(1 << 20))
    monkeypatch.setattr(shutil, "disk_usage", lambda path: SimpleNamespace(free=next(free)))
    paths = [f"good/{number}" for number in range(40)]
    with pytest.raises(DataError, match=r"MB are free.*goes on where it was"):
        fetch(tmp_path, server, paths)
    had = len(ImageStore(tmp_path).outcomes())
    assert 0 < had < 40
    monkeypatch.undo()
    server.asked.clear()
    assert set(fetch(tmp_path, server, paths).values()) == {"ok"}
    assert len(server.asked) == 40 - had


def test_files_of_a_folder(tmp_path, monkeypatch):
    home, folder = tmp_path / "home", tmp_path / "pictures"
    (folder / "sub").mkdir(parents=True)
    (tmp_path / "private.jpg").write_bytes(picture(9))
    (folder / "a.jpg").write_bytes(picture(1))
    (folder / "sub" / "b.jpg").write_bytes(picture(2))
    (folder / "c.jpg").write_text("no image")
    (folder / "big.jpg").write_bytes(b"x" * 2000)
    monkeypatch.setattr("dataset_makers.prepare.images.files.LARGEST_IMAGE", 1500)
    names = ["a.jpg", "sub/b.jpg", "c.jpg", "big.jpg", "none.jpg", "../private.jpg", "nul\0.jpg", "sub"]
    gather_files(home, folder, names, progress=False)
    kinds = {name: outcome.kind for name, outcome in ImageStore(home).outcomes().items()}
    odd = {"none.jpg": "gone", "../private.jpg": "not an image", "nul\0.jpg": "gone", "sub": "gone"}
    assert kinds == {"a.jpg": "ok", "sub/b.jpg": "ok", "c.jpg": "not an image", "big.jpg": "too large", **odd}
    revision = ImageStore(home).revision
    gather_files(home, folder, ["a.jpg", "sub/b.jpg"], progress=False)
    assert ImageStore(home).revision == revision  # nothing was read again
    (folder / "a.jpg").write_bytes(picture(3))
    os.utime(folder / "a.jpg", ns=(1, 1))
    gather_files(home, folder, ["a.jpg", "sub/b.jpg"], progress=False)
    assert ImageStore(home).image("a.jpg") == picture(3)
