"""The generated dataset: reproducible, complete, and its tastes are where they are said to be."""

from __future__ import annotations

import json
import multiprocessing
import os
from collections import Counter
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from preparing import categories

from dataset_makers.mini import dataset as mini
from dataset_makers.mini.dataset import TASTES, draw_attributes, draw_purchases, make_mini
from dataset_makers.mini.options import MiniOptions
from dataset_makers.mini.pictures import SILHOUETTES
from dataset_makers.mini.texts import MATERIALS
from mmrec_host.config import Config, load_config
from mmrec_host.data.dataset import dataset_folder
from mmrec_host.errors import ConfigError, DataError


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
        assert any(word in line["text"] for words in MATERIALS for word in words)
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
    items = draw_attributes(80, {**TASTES, "community": 10}, rng)
    users = draw_attributes(60, {**TASTES, "community": 10}, rng)
    bought = draw_purchases(users, items, options, rng)
    for name, size in {**TASTES, "community": 10}.items():
        shared = (users[name][:, None] == items[name])[bought].mean()
        assert shared > 1.3 / size
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
