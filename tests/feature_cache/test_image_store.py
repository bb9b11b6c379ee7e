"""Gathered images: stored by source, found by the import, and noticed when they change."""

from __future__ import annotations

import io
import json
from pathlib import Path

import pytest
from PIL import Image

from feature_cache import CacheError, Content, ImageStore, Outcome, Store, import_content


def picture(colour: str) -> bytes:
    file = io.BytesIO()
    Image.new("RGB", (20, 20), colour).save(file, "JPEG")
    return file.getvalue()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Three items whose images come from two sources and from a file."""
    folder = tmp_path / "dataset"
    (folder / "images").mkdir(parents=True)
    (folder / "images" / "2.jpg").write_bytes(picture("blue"))
    rows = [{"itemID": i, "text": "x", "image": f"http://host/{i}.jpg"} for i in range(3)]
    (folder / "items.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    return folder


def add(images: ImageStore, **data: bytes) -> None:
    sources = {f"http://host/{name[1:]}.jpg": value for name, value in data.items()}
    images.add({s: (Outcome(s, "ok" if value else "gone"), value) for s, value in sources.items()})


def test_import_takes_gathered_images_and_notices_new_ones(folder: Path, tmp_path: Path) -> None:
    images, store = ImageStore(folder), Store(tmp_path / "cache")
    assert images.revision is None and not (folder / "images.lmdb").exists()
    assert import_content(store, folder, 3).report.missing_images == [0, 1]
    add(images, _0=picture("red"), _1=b"", _2=picture("green"))
    content = import_content(store, folder, 3)
    assert content.image(0) == picture("red")
    assert content.image(2) == picture("blue")  # the user's own file goes before
    assert content.report.missing_images == [1] and not content.report.broken_images
    add(images, _1=picture("black"))
    again = import_content(store, folder, 3)
    assert again.image(1) == picture("black") and again.report.clean
    assert again.digest != content.digest


def test_digest_is_the_same_for_files_and_for_gathered_images(folder: Path, tmp_path: Path) -> None:
    add(ImageStore(folder), _0=picture("red"), _1=picture("green"))
    gathered = import_content(Store(tmp_path / "a"), folder, 3)
    for item, colour in enumerate(("red", "green")):
        (folder / "images" / f"{item}.jpg").write_bytes(picture(colour))
    files: Content = import_content(Store(tmp_path / "b"), folder, 3)
    assert files.digest == gathered.digest


def test_outcomes_are_kept_by_source_and_the_latest_counts(folder: Path) -> None:
    images = ImageStore(folder)
    add(images, _0=picture("red"), _1=b"")
    source = "http://host/" + "long/" * 500 + "ü.jpg"  # longer than a key of LMDB may be
    images.add({source: (Outcome(source, "too large", "9 MB"), b"")})
    add(images, _0=b"")
    found = ImageStore(folder).outcomes()
    assert {s: o.kind for s, o in found.items()} == {
        "http://host/0.jpg": "gone",
        "http://host/1.jpg": "gone",
        source: "too large",
    }
    assert images.image("http://host/0.jpg") is None and images.image("never asked for") is None


def test_two_writers_at_once_are_told(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    images = ImageStore(folder)
    add(images, _0=picture("red"))
    get = images._store.get
    stale = get(b"revision")
    add(ImageStore(folder), _1=picture("red"))
    monkeypatch.setattr(images._store, "get", lambda key: stale)
    with pytest.raises(CacheError, match="another process adds images"):
        add(images, _2=picture("red"))
