"""Each named source is read from files of its published shape, and users may add theirs."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest
import yaml
from preparing import prepare
from public_shapes import N_ITEMS, N_ROWS, prepared, write
from published_files import PUBLISHED

from mmrec_host.config import load_config
from mmrec_host.config_layers import known_yamls
from mmrec_host.data.dataset import load_dataset
from mmrec_host.errors import ConfigError

WITHOUT_TEXTS = {"retailrocket", "elliot"}
IMAGES = {"microlens", "hm", "pixelrec"}


@pytest.fixture(autouse=True)
def own_folder(tmp_path, monkeypatch):
    (tmp_path / "files").mkdir()
    monkeypatch.chdir(tmp_path)


def made_of(source: str, *more: str) -> None:
    """The dataset `x` of made-up files of a source."""
    write_files, category = PUBLISHED[source]
    os.chdir("files")
    write_files()
    os.chdir("..")
    named = ["--category-name", category] if category else []
    assert prepare("x", "--source", source, *named, "--files", "files", *more) == 0


def test_every_source_has_files_of_its_shape():
    assert PUBLISHED.keys() == known_yamls("source").keys()


@pytest.mark.parametrize("source", PUBLISHED)
def test_published_files_are_read_whole(source, capsys):
    made_of(source, "--no-images")
    said = capsys.readouterr().out
    assert f"of {N_ROWS:,} rows read" in said and "(skipped)" not in said
    rows, items = prepared("x")
    assert len(rows) == N_ROWS and len(items) == N_ITEMS
    load_dataset(load_config("BPR", "x"))
    if source not in WITHOUT_TEXTS:
        assert all(item["text"] and item["title"] in item["text"] for item in items)
        assert "WARNING" not in said and "do not describe" not in said
    assert not any(sign in item["text"] for item in items for sign in ("&amp;", "<i>", "u'", "[", "{"))
    assert all(item["image"].count("//") <= 1 and "{" not in item["image"] for item in items)
    if "split" in source or source in ("elliot", "amazon-2023-5core"):
        assert "84 train, 14 valid, 14 test" in said


@pytest.mark.parametrize("source", sorted(IMAGES))
def test_their_pictures_are_found(source, capsys):
    made_of(source)
    assert f"images: {N_ITEMS} stored" in capsys.readouterr().out


def test_duchos_features_come_with_the_split(capsys):
    made_of("elliot", "--no-images")
    for kind in ("image", "text"):
        table = np.load(f"data/x/{kind}_feat.npy")
        ids = [int(item["source_id"]) for item in prepared("x")[1]]
        assert [row[0] for row in table] == [n if n < N_ITEMS - 1 else np.mean(range(N_ITEMS - 1)) for n in ids]
    assert "features=files modalities=[v,t]" in capsys.readouterr().out


def test_events_of_a_shop_are_named_and_chosen(capsys):
    made_of("retailrocket", "--no-images")
    assert "WARNING: column event was not read" in capsys.readouterr().out
    prepare(
        "y",
        "--source",
        "retailrocket",
        "--files",
        "files",
        "--keep",
        "event=transaction",
        "--k-core",
        "1",
        "--no-images",
    )
    assert {int(row[1]) % 3 for row in prepared("y")[0]} == {0}


def test_a_source_is_downloaded_where_it_has_an_address(server, capsys):
    write_files, _ = PUBLISHED["ml-1m"]
    os.chdir("files")
    write_files()
    os.chdir("..")
    server.files["ml-1m.zip"] = Path("files/ml-1m.zip").read_bytes()
    source = yaml.safe_load(known_yamls("source")["ml-1m"].read_text()) | {"at": f"{server.address}/file"}
    write("mmrec_configs/source/mine.yaml", [yaml.safe_dump(source)])
    prepare("x", "--source", "mine", "--no-images")
    assert len(prepared("x")[0]) == N_ROWS and len(server.ranges) == 1


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--source", "amazon-2032"], "is unknown, did you mean 'amazon-20.3'"),
        (
            ["--source", "amazon-2023"],
            "has several data sets. Say which with --category-name NAME.*{category}.jsonl.gz",
        ),
        (["--source", "hm"], "cannot be downloaded without you. Get it at https://www.kaggle.com.*--files FOLDER"),
        (["--source", "hm", "--files", "files"], "--files files: holds no transactions_train.csv .interactions of hm"),
        (["--source", "broken"], "a source does not know colums, files.interaction"),
        (["--source", "empty"], r"a source needs files: \{interactions: NAME\}"),
    ],
)
def test_what_is_wrong_with_a_source_is_said(words, message):
    write("mmrec_configs/source/broken.yaml", ["files: {interaction: x.csv}", "colums: {}"])
    write("mmrec_configs/source/empty.yaml", ["files: {}"])
    with pytest.raises(ConfigError, match=message):
        prepare("x", *words)
    assert not Path("data").exists()
