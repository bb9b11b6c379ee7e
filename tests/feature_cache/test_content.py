from __future__ import annotations

import io
import json
import logging
import os
import shutil
import signal
from pathlib import Path

import pytest
from PIL import Image

from feature_cache import CacheError, Content, ContentReport, Store, import_content
from feature_cache import content as content_module
from feature_cache.raw_folder import scan_folder

N_ITEMS = 6


def picture(item: int, kind: str = "JPEG", size: int = 32) -> bytes:
    file = io.BytesIO()
    Image.linear_gradient("L").resize((size, size)).rotate(item * 17).convert("RGB").save(file, kind)
    return file.getvalue()


def write_items(folder: Path, rows: list[dict]) -> None:
    (folder / "items.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows), "utf-8")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A dataset folder without a fault."""
    folder = tmp_path / "dataset"
    (folder / "images").mkdir(parents=True)
    for item, kind in enumerate(["JPEG", "PNG", "WEBP", "GIF", "BMP", "JPEG"]):
        suffix = {"JPEG": "jpeg" if item == 5 else "JPG"}.get(kind, kind.lower())
        (folder / "images" / f"{item}.{suffix}").write_bytes(picture(item, kind))
    write_items(folder, [{"itemID": i, "title": f"title {i}", "text": f"täxt {i}", "price": 3} for i in range(N_ITEMS)])
    return folder


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "cache")


def test_content_comes_back_unchanged(folder: Path, store: Store, caplog: pytest.LogCaptureFixture) -> None:
    content = import_content(store, folder, N_ITEMS)
    for path in (folder / "images").iterdir():
        assert content.image(int(path.stem)) == path.read_bytes()
    assert [content.text(i) for i in range(N_ITEMS)] == [f"täxt {i}" for i in range(N_ITEMS)]
    assert content.title(3) == "title 3"
    assert content.report == ContentReport(N_ITEMS, [], {}, [], [], {}, [])
    assert content.n_items == N_ITEMS
    assert not [record for record in caplog.records if record.levelno >= logging.WARNING]
    for wrong in (-1, N_ITEMS):
        with pytest.raises(IndexError):
            content.image(wrong)


def test_faults_get_stand_ins_and_are_reported(
    folder: Path, store: Store, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 5000)
    images = folder / "images"
    (images / "0.JPG").unlink()
    (images / "1.png").write_bytes(picture(1, "PPM"))  # Pillow could, but only the documented formats are opened
    truncated = picture(2)[:-200]
    (images / "2.jpg").write_bytes(truncated)
    (images / "2.webp").unlink()
    (images / "3.gif").write_bytes(picture(3, "GIF", size=80))  # over the limit
    (images / "4.bmp").write_bytes(picture(4, "BMP", size=200))  # over twice the limit
    for odd in ("05.jpg", "6.jpg", "B0001.jpg", "5.txt"):
        (images / odd).write_bytes(picture(5))
    rows = [{"itemID": 1, "title": "only a title", "text": " "}, {"itemID": 2, "title": None, "text": None}]
    write_items(folder, [{"itemID": 0, "text": "no title"}, *rows])

    content = import_content(store, folder, N_ITEMS)
    report = content.report
    assert report.missing_images == [0]
    assert sorted(report.broken_images) == [1, 2, 3, 4]
    assert report.broken_images[1].startswith("1.png: no JPEG, PNG")
    assert "truncated" in report.broken_images[2]
    assert "6400 pixels" in report.broken_images[3] and "40000 pixels" in report.broken_images[4]
    assert report.missing_texts == [1, 2, 3, 4, 5]
    assert report.titles_as_texts == [1]
    assert report.unused_files == ["05.jpg", "5.txt", "6.jpg", "B0001.jpg"]
    assert not report.clean

    for item in range(5):
        with Image.open(io.BytesIO(content.image(item))) as image:
            assert [color for _, color in image.convert("RGB").getcolors()] == [(128, 128, 128)]
    assert content.image(5) == (images / "5.jpeg").read_bytes()
    assert [content.text(i) for i in range(4)] == ["no title", "only a title", "unknown item", "unknown item"]
    assert [content.title(i) for i in range(3)] == ["", "only a title", ""]

    path = store.path / "content_report.json"
    assert ContentReport.from_json(path.read_text("utf-8")) == report
    warnings = [record.getMessage() for record in caplog.records if record.levelno >= logging.WARNING]
    assert len(warnings) == 1
    assert str(path) in warnings[0] and "1 have no image and 4 a broken one" in warnings[0]


def test_first_of_several_images_is_used(folder: Path, store: Store) -> None:
    for name in ("1.gif", "1.jpeg", "1.JPG"):
        (folder / "images" / name).write_bytes(picture(len(name) + ord(name[-1])))
    content = import_content(store, folder, N_ITEMS)
    assert content.image(1) == (folder / "images" / "1.JPG").read_bytes()
    assert content.report.ambiguous_images == {1: ["1.JPG", "1.jpeg", "1.png", "1.gif"]}


@pytest.mark.skipif(not hasattr(os, "symlink"), reason="needs links")
def test_links_stay_in_the_dataset_folder(folder: Path, store: Store, tmp_path: Path) -> None:
    (tmp_path / "private.png").write_bytes(picture(9, "PNG"))
    (folder / "originals").mkdir()
    (folder / "originals" / "x.bmp").write_bytes(picture(8, "BMP"))
    for name, target in {"1.png": "../../private.png", "4.bmp": "../originals/x.bmp"}.items():
        (folder / "images" / name).unlink()
        (folder / "images" / name).symlink_to(target)
    content = import_content(store, folder, N_ITEMS)
    assert content.report.broken_images == {1: "1.png: a link that leaves the dataset folder"}
    assert content.image(4) == picture(8, "BMP")


def test_nothing_is_read_again_when_the_folder_is_unchanged(
    folder: Path, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    (folder / "images" / "0.JPG").unlink()
    first = import_content(store, folder, N_ITEMS)
    for reader in ("read_image", "read_texts"):
        monkeypatch.setattr(content_module, reader, lambda *args: pytest.fail("read again"))
    report = store.path / "content_report.json"
    report.write_bytes(report.read_bytes()[:20])  # cut short by an interruption
    again = import_content(Store(store.path), folder, N_ITEMS)
    assert (again.digest, again.report) == (first.digest, first.report)
    assert ContentReport.from_json(report.read_bytes()) == first.report
    assert Content(store, scan_folder(folder, N_ITEMS).listing).digest == first.digest


def test_changed_folder_is_imported_again(folder: Path, store: Store) -> None:
    first = import_content(store, folder, N_ITEMS)
    path = folder / "images" / "5.jpeg"
    os.utime(path, ns=(1, 1))  # touched, but the same
    assert import_content(store, folder, N_ITEMS).digest == first.digest
    path.write_bytes(picture(6))
    second = import_content(store, folder, N_ITEMS)
    assert second.image(5) == picture(6)
    assert second.digest != first.digest
    fewer = import_content(store, folder, N_ITEMS, progress=True)
    assert fewer.digest == second.digest


def test_a_picture_edited_in_place_is_noticed_whatever_its_size_and_time(folder: Path, store: Store) -> None:
    path = folder / "images" / "4.bmp"
    before, stat = import_content(store, folder, N_ITEMS), path.stat()
    path.write_bytes(picture(1, "BMP"))
    os.utime(path, ns=(stat.st_atime_ns, stat.st_mtime_ns))
    assert (path.stat().st_size, path.stat().st_mtime_ns) == (stat.st_size, stat.st_mtime_ns)
    after = import_content(store, folder, N_ITEMS)
    assert after.image(4) == picture(1, "BMP") and after.digest != before.digest


def test_states_of_a_folder_lie_beside_each_other(folder: Path, store: Store, tmp_path: Path) -> None:
    """Who began with one is never given the other's bytes."""
    other = tmp_path / "elsewhere" / folder.name
    shutil.copytree(folder, other)
    (other / "images" / "1.png").write_bytes(picture(4, "PNG"))
    write_items(other, [{"itemID": 2, "text": "another"}])
    one, two = import_content(store, folder, N_ITEMS), import_content(store, other, N_ITEMS)
    assert (one.image(1), one.text(2)) == (picture(1, "PNG"), "täxt 2")
    assert (two.image(1), two.text(2)) == (picture(4, "PNG"), "another")
    assert len(store.scan(b"image/")) == N_ITEMS + 1  # what is the same is stored once


def test_a_folder_that_changes_while_it_is_read_is_refused(
    folder: Path, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    read_image = content_module.read_image

    def edited_meanwhile(path: Path, largest: int) -> bytes:
        (folder / "images" / "0.JPG").write_bytes(picture(9))
        return read_image(path)

    with monkeypatch.context() as patch, pytest.raises(CacheError, match="changed while they were read. Start again"):
        patch.setattr(content_module, "read_image", edited_meanwhile)
        import_content(store, folder, N_ITEMS)
    assert import_content(store, folder, N_ITEMS).image(0) == picture(9)


def test_a_picture_too_large_is_broken_and_is_not_read(folder: Path, store: Store) -> None:
    with (folder / "images" / "2.webp").open("wb") as file:
        file.truncate(3 << 40)  # a hole: no disk could hold it, nor memory
    content = import_content(store, folder, N_ITEMS)
    assert content.report.broken_images == {2: "2.webp: 3,298,535 MB, more than the 50 MB that are read"}
    assert content.image(3) == picture(3, "GIF")


def test_a_limit_that_lets_a_picture_in_imports_it(folder: Path, store: Store) -> None:
    nbytes = (folder / "images" / "2.webp").stat().st_size
    assert set(import_content(store, folder, N_ITEMS, largest_image=nbytes - 1).report.broken_images) >= {2}
    again = import_content(store, folder, N_ITEMS, largest_image=nbytes)
    assert 2 not in again.report.broken_images and again.image(2) == (folder / "images" / "2.webp").read_bytes()


def test_digest_depends_on_every_part(folder: Path, tmp_path: Path) -> None:
    digests = {import_content(Store(tmp_path / "cache0"), folder, N_ITEMS).digest}
    rows = [{"itemID": i, "title": f"title {i}", "text": f"täxt {i}"} for i in range(N_ITEMS)]
    for step, change in enumerate([{"title": "new"}, {"text": "new"}, {"title": "title 2t", "text": "äxt 2"}], start=1):
        write_items(folder, [*rows[:2], rows[2] | change, *rows[3:]])
        digests.add(import_content(Store(tmp_path / f"cache{step}"), folder, N_ITEMS).digest)
    assert len(digests) == 4


@pytest.mark.parametrize("limits", [(2, 1 << 26), (500, 1)])
def test_killed_import_resumes_to_the_same_content(
    folder: Path, store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, in_child, limits: tuple[int, int]
) -> None:
    (folder / "images" / "0.JPG").write_bytes(b"broken, and known before the kill")
    whole = import_content(Store(tmp_path / "whole"), folder, N_ITEMS)

    monkeypatch.setattr(content_module, "CHUNK_ITEMS", limits[0])
    monkeypatch.setattr(content_module, "CHUNK_BYTES", limits[1])
    read_image, read = content_module.read_image, []

    def counting(path: Path, largest: int) -> bytes:
        read.append(int(path.stem))
        return read_image(path)

    def deadly(path: Path, largest: int) -> bytes:
        if path.stem == "4":
            os.kill(os.getpid(), signal.SIGKILL)
        return read_image(path)

    monkeypatch.setattr(content_module, "read_image", deadly)
    assert in_child(lambda: import_content(store, folder, N_ITEMS)) == -signal.SIGKILL
    with pytest.raises(CacheError, match="content of 4 of 6 items only"):
        Content(store, scan_folder(folder, N_ITEMS).listing)

    monkeypatch.setattr(content_module, "read_image", counting)
    resumed = import_content(store, folder, N_ITEMS)
    assert read == [4, 5]
    for prefix in (b"content/", b"image/"):
        assert store.scan(prefix) == whole.store.scan(prefix) != []
    assert (resumed.digest, resumed.report) == (whole.digest, whole.report)
    assert list(resumed.report.broken_images) == [0]


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("{'itemID': 1}", "not JSON"),
        ('{"itemID": 1', "not JSON"),
        (b'{"itemID": 1, "text": "\xff"}', "not JSON"),
        ("[" * 100_000, "not JSON"),
        ('["itemID"]', 'no "itemID"'),
        ('{"itemId": 1}', 'no "itemID"'),
        ('{"itemID": 6}', '"itemID" is 6; allowed are the whole numbers 0 to 5'),
        ('{"itemID": -1}', '"itemID" is -1'),
        ('{"itemID": "1"}', "\"itemID\" is '1'"),
        ('{"itemID": true}', '"itemID" is True'),
        ('{"itemID": 1.0}', '"itemID" is 1.0'),
        ('{"itemID": 0}', '"itemID" 0 was already on line 1'),
        ('{"itemID": 1, "text": ["a"]}', '"text" must be a string or null, not list'),
    ],
)
def test_malformed_items_name_file_and_line(folder: Path, store: Store, line: str | bytes, message: str) -> None:
    path = folder / "items.jsonl"
    path.write_bytes(b'{"itemID": 0}\n\n' + (line if isinstance(line, bytes) else line.encode()) + b'\n{"itemID": 2}\n')
    with pytest.raises(CacheError) as caught:
        import_content(store, folder, N_ITEMS)
    assert f"{path}, line 3: " in str(caught.value)
    assert message in str(caught.value)


def test_odd_but_valid_items(folder: Path, store: Store) -> None:
    (folder / "items.jsonl").write_bytes(
        b'\xef\xbb\xbf{"itemID": 0, "text": "half \\ud83d pair"}\r\n{"itemID": 1, "text": " \\u2028 line "}'
    )
    content = import_content(store, folder, N_ITEMS)
    assert content.text(0) == "half ? pair"
    assert content.text(1) == "line"


def test_one_modality_may_be_absent(folder: Path, store: Store, tmp_path: Path) -> None:
    (folder / "items.jsonl").rename(tmp_path / "items.jsonl")
    content = import_content(store, folder, N_ITEMS)
    assert content.report.missing_texts == list(range(N_ITEMS))
    assert content.report.missing_images == []
    (tmp_path / "texts").mkdir()
    (tmp_path / "items.jsonl").rename(tmp_path / "texts" / "items.jsonl")
    content = import_content(Store(tmp_path / "cache2"), tmp_path / "texts", N_ITEMS)
    assert content.report.missing_texts == []
    assert content.report.missing_images == list(range(N_ITEMS))


def test_folder_without_raw_content(store: Store, tmp_path: Path) -> None:
    (tmp_path / "features").mkdir()
    (tmp_path / "features" / "image_feat.npy").touch()
    with pytest.raises(CacheError, match="raw item images and texts are needed") as caught:
        import_content(store, tmp_path / "features", N_ITEMS)
    assert "images/<itemID>.jpg" in str(caught.value) and "items.jsonl" in str(caught.value)
    assert caught.value.exit_code == 2
    assert not store.path.exists()


def test_content_of_an_empty_cache(store: Store) -> None:
    with pytest.raises(CacheError, match="holds no item content"):
        Content(store, "none")
