"""`ptmrec prepare --check`: what a folder is, what is wrong with it, and commands that work on it."""

from __future__ import annotations

import os
import shlex
from pathlib import Path

import numpy as np
import pytest
from preparing import prepare
from public_shapes import N_ITEMS, N_ROWS, interactions_csv, items_csv, prepared, write
from published_files import PUBLISHED
from raw_dataset import write_dataset

from mmrec_host.errors import DataError


@pytest.fixture(autouse=True)
def own_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def check(folder: str, capsys: pytest.CaptureFixture[str]) -> tuple[int, str]:
    before = {path: path.stat().st_mtime_ns for path in Path(folder).rglob("*")}
    code = prepare("--check", folder)
    assert {path: path.stat().st_mtime_ns for path in Path(folder).rglob("*")} == before  # it only looks
    return code, capsys.readouterr().out


def commands(said: str) -> list[str]:
    return [line.removeprefix("runs: ") for line in said.splitlines() if line.startswith("runs: ")]


def test_a_whole_dataset(capsys):
    home = write_dataset(Path("data"), "toy")
    for name, column, n in (("u_id_mapping.csv", "userID", 40), ("i_id_mapping.csv", "itemID", 48)):
        (home / name).write_text("\n".join([f"raw\t{column}", *(f"x{k}\t{k}" for k in range(n))]) + "\n")
    code, said = check("data/toy", capsys)
    assert code == 0 and "a dataset in MMRec's layout" in said and "40 users, 48 items" in said
    assert "pictures of 48 items, texts of 48, of 48" in said and "nothing is wrong with it" in said
    assert commands(said)[0] == "ptmrec -m PTMRec VBPR FREEDOM -d toy" and len(commands(said)) == 2


def test_what_is_wrong_with_a_dataset(capsys):
    home = write_dataset(Path("data"), "toy")
    (home / "images/3.png").write_bytes(b"broken")
    (home / "images/4.png").unlink()
    (home / "images/4711.png").write_bytes(b"x")
    np.save(home / "image_feat.npy", np.ones((5, 2)))
    np.save(home / "text_feat.npy", np.ones((48, 2)))
    lines = (home / "items.jsonl").read_text().splitlines()
    (home / "items.jsonl").write_text("\n".join([*lines[:-1], lines[0].replace('"itemID": 0', '"itemID": 47')]) + "\n")
    code, said = check("data/toy", capsys)
    assert code == 0
    for found in (
        "u_id_mapping.csv is not there",
        "1 images cannot be read: 3.png",
        "1 items have no picture",
        "1 files in images/ are called like no item: 4711.png",
        "2 items share their text with another",
        "shape [5, 2], but 48 items need [48, d]",
        "features=files modalities=[t]",
    ):
        assert found in said
    (home / "toy.inter").write_text("userID\titemID\tx_label\n0\t0\t0\n0\tx\t1\n")
    code, said = check("data/toy", capsys)
    assert code == 2 and "line 3, column 'itemID'" in said and "nothing can be run" in said


@pytest.mark.parametrize("source", ["ml-1m", "microlens", "elliot", "recbole-split", "hm"])
def test_the_commands_for_raw_files_work(source, capsys):
    write_files, _ = PUBLISHED[source]
    Path("files").mkdir()
    os.chdir("files")
    write_files()
    os.chdir("..")
    code, said = check("files", capsys)
    assert code == 0 and "files that a dataset can be made of" in said
    for n, command in enumerate(commands(said)):
        words = [word.replace("NAME", f"x{n}") for word in shlex.split(command)[2:]]
        assert prepare(*words, "--no-images") == 0
        assert len(prepared(f"x{n}")[0]) == N_ROWS and len(prepared(f"x{n}")[1]) == N_ITEMS
    assert (source == "elliot") or f"--source {source}" in said


def test_own_tables_and_things_that_are_none(capsys):
    interactions_csv("mine/log.csv")
    items_csv("mine/items.csv")
    write("mine/notes.txt", ["just one line of prose."])
    code, said = check("mine", capsys)
    assert "log.csv: interactions (user, item, rating, timestamp)" in said and "items.csv: items (id" in said
    assert commands(said) == ["ptmrec prepare NAME --interactions mine/log.csv --items mine/items.csv"]
    items_csv("bare/items.csv")
    code, said = check("bare", capsys)
    assert code == 2 and "no file has rows with a user and an item" in said
    with pytest.raises(DataError, match="--check nowhere: there is no such folder"):
        prepare("--check", "nowhere")
