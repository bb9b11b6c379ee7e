"""`ptmrec prepare` of own tables in three shapes, one of them dirty, each to a run of PTMRec."""

from __future__ import annotations

import csv
import gzip
import json
from pathlib import Path

import pytest
from faulty_server import picture
from preparing import N_ITEMS, categories, prepare, taken

from feature_cache import ImageStore
from mmrec_host.config import load_config
from mmrec_host.quick_start import quick_start


@pytest.fixture(autouse=True)
def own_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def csv_shop(folder: Path) -> list[str]:
    """Dirty: semicolons, mixed encodings, broken rows, repeated pairs, missing and broken pictures, empty texts."""
    with (folder / "orders.csv").open("w", newline="") as file:
        writer = csv.writer(file, delimiter=";")
        writer.writerow(["Customer ID", "SKU", "Date"])
        for user, item, time in taken(1):
            writer.writerow(
                [f"c/{user}", f"sku {item}", f"2020-01-01 00:{time // 60000 % 60:02}:{time // 1000 % 60:02}"]
            )
            if item == 3:
                writer.writerow([f"c/{user}", f"sku {item}", "2021-01-01"])
        file.write("c/1;sku 1\nc/1;;2020-01-01\nc/1;sku 2;soon\n")
    lines = [f"sku {item};Café {item};{'' if item == 5 else f'text of {item}'}" for item in range(N_ITEMS - 1)]
    encoded = [line.encode("cp1252" if n % 2 else "utf-8") for n, line in enumerate(["SKU;Name;Description", *lines])]
    (folder / "products.csv").write_bytes(b"\n".join([*encoded, b"sku 1;again;x", b"broken"]))
    (folder / "pictures").mkdir()
    for item in range(N_ITEMS - 1):
        (folder / "pictures" / f"sku {item}.jpg").write_bytes(picture(item) if item != 7 else b"broken")
    text = ["--text", "Name,Description"]
    return ["--interactions", "orders.csv", "--items", "products.csv", "--images", "pictures", *text]


def parquet_films(folder: Path) -> list[str]:
    """Whole numbers as ids, one of them as floats, file names of pictures in a column."""
    pyarrow = pytest.importorskip("pyarrow")
    from pyarrow import parquet

    users, items, times = zip(*taken(2))
    ratings = [4.0 if n % 10 else 1.0 for n in range(len(users))]
    columns = {"userId": users, "movieId": items, "rating": ratings, "timestamp": times}
    parquet.write_table(pyarrow.table(columns), folder / "ratings.parquet")
    films = {"movieId": [float(n) for n in range(N_ITEMS)], "title": [f"Film {n}" for n in range(N_ITEMS)]}
    films |= {
        "genres": [["Drama", f"G{n % 4}"] for n in range(N_ITEMS)],
        "poster": [f"p/{n}.jpg" for n in range(N_ITEMS)],
    }
    parquet.write_table(pyarrow.table(films), folder / "films.parquet")
    (folder / "p").mkdir()
    for item in range(N_ITEMS):
        (folder / "p" / f"{item}.jpg").write_bytes(picture(item))
    return ["--interactions", "ratings.parquet", "--items", "films.parquet", "--min-rating", "3.5", "--k-core", "3"]


def json_news(folder: Path, address: str) -> list[str]:
    """Nested values, addresses of pictures, times in ISO 8601, and columns that must be named."""
    lines = [
        {"who": {"a": user}, "reader": f"r{user}", "url": f"/n/{item}", "ts": time} for user, item, time in taken(3)
    ]
    (folder / "clicks.jsonl.gz").write_bytes(gzip.compress("\n".join(map(json.dumps, lines)).encode()))
    news = [
        {"path": f"/n/{n}", "headline": f"News {n}", "tags": ["x", n], "img": f"{address}/good/{n}"}
        for n in range(N_ITEMS)
    ]
    (folder / "news.jsonl").write_text("\n".join(map(json.dumps, news)))
    named = ["--user", "reader", "--item", "url", "--id", "path", "--title", "headline", "--category", "tags"]
    named += ["--text", "headline,tags"]
    return ["--interactions", "clicks.jsonl.gz", "--items", "news.jsonl", *named, "--split-rule", "last"]


def test_a_new_picture_is_gathered_and_a_path_may_be_spelt_otherwise(tmp_path, capsys):
    words = csv_shop(tmp_path)
    prepare("my shop", *words)
    assert "images: 22 stored" in capsys.readouterr().out
    inter = (tmp_path / "data/my shop/my shop.inter").stat().st_mtime_ns
    (tmp_path / "pictures" / "sku 23.jpg").write_bytes(picture(23))
    prepare("my shop", *(str(tmp_path / word) if (tmp_path / word).exists() else word for word in words))
    said = capsys.readouterr().out
    assert "images: 23 stored" in said and "-d 'my shop'" in said and "images.lmdb" in said
    assert (tmp_path / "data/my shop/my shop.inter").stat().st_mtime_ns == inter


@pytest.mark.parametrize("shape", ["csv", "parquet", "json"])
def test_own_tables_end_in_a_ptmrec_run(shape, tmp_path, server, capsys):
    makers = {"csv": csv_shop, "parquet": parquet_films, "json": lambda folder: json_news(folder, server.address)}
    assert prepare("mine", *makers[shape](tmp_path)) == 0
    said = capsys.readouterr().out
    images = {"csv": 22, "parquet": 24, "json": 24}[shape]
    assert f"images: {images} stored" in said
    if shape == "csv":
        for found in (
            "columns of interactions: user=Customer ID, item=SKU, time=Date",
            "broken row (skipped), such as orders.csv, line",
            "repeated user-item pair (first kept)",
            "interaction without user or item (skipped)",
            "interaction without a readable time (kept, as the split needs none)",
            "line not in UTF-8 (read as Windows-1252)",
            "1 × item described twice (first kept)",
            "1 × item that the items do not describe, such as sku 23",
            "1 × not an image, such as sku 7",
        ):
            assert found in said
        items = {
            r["source_id"]: r for r in map(json.loads, (tmp_path / "data/mine/items.jsonl").read_text().splitlines())
        }
        assert items["sku 4"]["text"] == "Café 4 text of 4" and items["sku 3"]["title"] == "Café 3"
        assert ImageStore(tmp_path / "data/mine").image("sku 4.jpg") == picture(4)
    shown = {name for names in categories(load_config("BPR", "mine")).values() for name in names}
    by_shape = {"parquet": {"Drama", "G0", "G1", "G2", "G3"}, "json": {"x", *map(str, range(N_ITEMS))}}
    assert shown == by_shape.get(shape, set())
    keys = {"encoder": "tiny", "device": "cpu", "epochs": 2, "stage2_epochs": 1, "progress": False, "pool_size": 24}
    result = quick_start("PTMRec", "mine", {**keys, "embedding_size": 8, "topk": [5, 20]})
    assert 0 <= result.test["recall@20"] <= 1
    report = json.loads((tmp_path / "cache/mine/content_report.json").read_text())
    assert len(report["missing_images"]) == N_ITEMS - images
