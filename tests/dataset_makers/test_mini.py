"""The generated dataset: reproducible, complete, and its tastes are where they are said to be."""

from __future__ import annotations

import json
import multiprocessing
import os
import shutil
from collections import Counter
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from preparing import categories

from dataset_makers.mini import dataset as mini
from dataset_makers.mini.dataset import COMMUNITIES, TASTES, draw_attributes, draw_purchases, make_mini
from dataset_makers.mini.options import MiniOptions
from dataset_makers.mini.pictures import SILHOUETTES
from dataset_makers.mini.texts import MATERIALS
from mmrec_host.config import Config, load_config
from mmrec_host.data.dataset import dataset_folder
from mmrec_host.errors import ConfigError, DataError
from mmrec_host.quick_start import quick_start


@pytest.fixture(scope="module")
def config() -> Config:
    return load_config("BPR", "mini").replaced(mini_users=60, mini_items=80)


@pytest.fixture(scope="module")
def folder(config, tmp_path_factory) -> Path:
    made = tmp_path_factory.mktemp("data") / "mini"
    make_mini(made, config)
    return made


def rows(folder: Path) -> np.ndarray:
    return np.loadtxt(folder / "mini.inter", skiprows=1, usecols=(0, 1, 4), dtype=int)


def test_the_same_seed_gives_the_same_bytes_and_another_seed_others(folder, config, tmp_path):
    make_mini(tmp_path / "mini", config)
    for file in sorted(p.relative_to(folder) for p in folder.rglob("*") if p.is_file()):
        assert (tmp_path / "mini" / file).read_bytes() == (folder / file).read_bytes()
    make_mini(tmp_path / "other" / "mini", config.replaced(mini_seed=1))
    assert (tmp_path / "other" / "mini" / "mini.inter").read_text() != (folder / "mini.inter").read_text()


def test_every_item_has_a_picture_and_a_sentence(folder):
    lines = [json.loads(line) for line in (folder / "items.jsonl").read_text().splitlines()]
    assert [line["itemID"] for line in lines] == list(range(80))
    for line in lines:
        with Image.open(folder / "images" / f"{line['itemID']}.png") as picture:
            assert picture.size == (96, 96) and np.asarray(picture.convert("L")).std() > 5
        assert any(word in line["text"] for word in MATERIALS[line["material"]])
    assert "synthetic" in (folder / "README.md").read_text()


def test_its_kinds_are_categories(folder, config, tmp_path):
    used = config.replaced(data_path=str(folder.parent), cache_path=str(tmp_path), dataset="mini")
    kinds = categories(used)
    assert len(kinds) == 80 and {name for names in kinds.values() for name in names} == set(SILHOUETTES)


def test_the_split_follows_mmrecs_rule(folder):
    table = rows(folder)
    assert len(np.unique(table[:, :2], axis=0)) == len(table)
    for user in range(60):
        labels = Counter(table[table[:, 0] == user, 2].tolist())
        total = sum(labels.values())
        held = 2 if total < 10 else total // 5
        assert (labels[1], labels[2]) == (held // 2, held - held // 2)
    assert np.bincount(table[:, 1], minlength=80).min() >= 5
    assert set(table[table[:, 2] > 0, 1]) <= set(table[table[:, 2] == 0, 1])


def test_users_buy_what_they_have_a_taste_for(config):
    options = MiniOptions.read(config)
    rng = np.random.default_rng(0)
    drawn = {**TASTES, "community": COMMUNITIES}
    items, users = draw_attributes(80, drawn, rng), draw_attributes(60, drawn, rng)
    bought = draw_purchases(users, items, options, rng)
    for name, values in drawn.items():
        shared = (users[name][:, None] == items[name])[bought].mean()
        assert shared > 1.3 / len(values)
    indifferent = draw_purchases(users, items, replace(options, taste=0.0, community=0.0), rng)
    assert abs((users["tone"][:, None] == items["tone"])[indifferent].mean() - 0.5) < 0.05


def test_an_interrupted_generation_leaves_nothing(config, tmp_path, monkeypatch):
    def interrupt(*args):
        raise KeyboardInterrupt

    monkeypatch.setattr(mini, "write_text", interrupt)
    with pytest.raises(KeyboardInterrupt):
        make_mini(tmp_path / "mini", config)
    assert [path.name for path in tmp_path.iterdir()] == [".mini.lock"]


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_of_four_processes_one_makes_it_and_the_others_wait(folder, config, tmp_path):
    processes = multiprocessing.get_context("fork")
    together, made = processes.Barrier(4), processes.Value("i", 0)

    def counting(*args: object) -> None:
        with made.get_lock():
            made.value += 1
        make(*args)

    def work() -> None:
        together.wait()
        make_mini(tmp_path / "mini", config)

    with pytest.MonkeyPatch.context() as patch:
        make = mini._make
        patch.setattr(mini, "_make", counting)
        workers = [processes.Process(target=work) for _ in range(4)]
        for worker in workers:
            worker.start()
        for worker in workers:
            worker.join()
    assert [worker.exitcode for worker in workers] == [0, 0, 0, 0] and made.value == 1
    assert (tmp_path / "mini" / "mini.inter").read_bytes() == (folder / "mini.inter").read_bytes()


def test_what_a_killed_generation_left_is_cleared_away(config, tmp_path):
    for name in (".mini-a1_b2c3d", ".mini-backup-of-mine"):
        (tmp_path / name / "images").mkdir(parents=True)
        (tmp_path / name / "images" / "0.png").write_bytes(b"half")
    make_mini(tmp_path / "mini", config)
    assert {path.name for path in tmp_path.iterdir()} == {"mini", ".mini.lock", ".mini-backup-of-mine"}


def test_it_is_made_on_first_use_and_only_then(config, tmp_path):
    used = config.replaced(data_path=str(tmp_path), dataset="mini")
    first = dataset_folder(used)
    (first / "mark").touch()
    assert dataset_folder(used) == first and (first / "mark").exists()


def test_other_options_are_not_taken_for_the_folder_that_is_there(folder, config):
    make_mini(folder, config)
    with pytest.raises(DataError, match="mini_taste=2.0 instead of 3.0"):
        make_mini(folder, config.replaced(mini_taste=3.0))


def as_version_1(folder: Path) -> None:
    """Make the folder one of the version that noted no version."""
    made = json.loads((folder / "mini.json").read_text())
    del made["version"]
    (folder / "mini.json").write_text(json.dumps(made))
    (folder / "users.jsonl").unlink()


def test_an_older_folder_of_other_options_is_kept_aside_and_made_anew(config, tmp_path, caplog):
    folder = tmp_path / "mini"
    make_mini(folder, config)
    as_version_1(folder)
    before = (folder / "mini.inter").read_text()
    make_mini(folder, config)  # the same options: runs on it still open
    assert not (folder / "users.jsonl").exists()
    for kept in ("mini-version-1", "mini-version-1-2"):
        make_mini(folder, config.replaced(mini_taste=3.0))
        assert (folder / "users.jsonl").exists() and kept in caplog.text
        assert (tmp_path / kept / "mini" / "mini.inter").read_text() == before
        (tmp_path / kept / "mini").rename(tmp_path / "again")
        shutil.rmtree(folder)
        shutil.copytree(tmp_path / "again", folder)
        (tmp_path / "again").rename(tmp_path / kept / "mini")
    with pytest.raises(DataError, match="PlantedTaste is for the generated"):
        quick_start("PlantedTaste", "mini", {**options_of(config), "data_path": str(tmp_path), "new_items": 0.0})


def test_what_was_drawn_is_written_beside_the_items_and_users(folder):
    for name, n in (("items", 80), ("users", 60)):
        lines = [json.loads(line) for line in (folder / f"{name}.jsonl").read_text().splitlines()]
        assert len(lines) == n
        for attribute, values in TASTES.items():
            counts = Counter(line[attribute] for line in lines)
            assert set(counts) == set(values) and max(counts.values()) - min(counts.values()) <= 1


def options_of(config: Config) -> dict[str, object]:
    """What `config` says of the dataset, for a run that writes nowhere else."""
    return {key: value for key, value in config.items() if key.startswith("mini_")} | {"save_model": False}


def test_the_planted_taste_ranks_new_items_far_better_than_chance(config, folder, tmp_path):
    places = {"data_path": str(folder.parent), "run_path": str(tmp_path), "progress": False}
    few = {"new_items": 0.3, "topk": [5], "valid_metric": "Recall@5"}  # 24 items, of which 16 are for test
    result = quick_start("PlantedTaste", "mini", {**options_of(config), **places, **few})
    assert result.test["new/recall@5"] > 1.5 * 5 / 16


def test_impossible_sizes_are_refused(config, tmp_path):
    with pytest.raises(ConfigError, match="mini_purchases"):
        make_mini(tmp_path / "mini", config.replaced(mini_purchases=[30, 70]))
    with pytest.raises(ConfigError, match="fewest, most"):
        make_mini(tmp_path / "mini", config.replaced(mini_purchases=15))
    with pytest.raises(ConfigError) as caught:
        make_mini(tmp_path / "mini", config.replaced(mini_users=9, mini_purchases=[4, 9], mini_seed=-1))
    assert [line.partition("=")[0] for line in str(caught.value).splitlines()] == [
        *("mini_seed", "mini_users", "mini_purchases")
    ]
    with pytest.raises(ConfigError, match="mini_users, mini_items: the dataset needs a value"):
        make_mini(tmp_path / "mini", config.replaced(mini_users=None, mini_items=None))
    assert not list(tmp_path.iterdir())
