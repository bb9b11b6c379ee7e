"""The new-item protocol: who is new, what is ranked against what, and what is reported and selected by."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from mmrec_host.config import load_config
from mmrec_host.data.dataset import Dataset
from mmrec_host.data.interactions import Interactions
from mmrec_host.data.new_items import NEW, NEW_IN_ALL, draw_new_items
from mmrec_host.data.splits import make_splits
from mmrec_host.errors import ConfigError, DataError
from mmrec_host.quick_start import quick_start
from mmrec_host.reporting.tables import results_table
from mmrec_host.runs.record import OtherData, find_runs

N_USERS, N_ITEMS = 30, 60
SMALL = {"new_items": 0.25, "topk": [2, 4], "valid_metric": "Recall@2"}


@pytest.fixture
def config():
    return load_config("BPR", "toy").replaced(seed=1, new_items=0.2)


@pytest.fixture
def data():
    """Each user took twelve items: eight for training, two for validation, two for test."""
    rng = np.random.default_rng(0)
    users = np.repeat(np.arange(N_USERS), 12)
    items = np.concatenate([rng.permutation(N_ITEMS)[:12] for _ in range(N_USERS)])
    labels = np.tile([0] * 8 + [1] * 2 + [2] * 2, N_USERS)
    return Interactions(users, items, labels, N_USERS, N_ITEMS)


def pairs(users, items) -> set[tuple[int, int]]:
    return set(zip(users.tolist(), items.tolist()))


def test_new_items_have_no_training_row_and_all_else_stays(data, config):
    splits = make_splits(data, config)
    new = set(splits.test.cold_items.tolist())
    assert len(new) == 12 and not new & set(splits.train_items.tolist())
    old = ~np.isin(data.items, list(new))
    assert pairs(splits.train_users, splits.train_items) == pairs(
        data.users[old & (data.labels == 0)], data.items[old & (data.labels == 0)]
    )
    for split, label in ((splits.valid, 1), (splits.test, 2)):
        assert set(split.candidates) == set(range(N_ITEMS)) - new
        found = {(int(u), int(i)) for row, u in enumerate(split.users) for i in split.positives.row(row)}
        assert found == pairs(data.users[old & (data.labels == label)], data.items[old & (data.labels == label)])


def test_new_items_are_ranked_among_themselves_and_in_the_full_catalogue(data, config):
    splits = make_splits(data, config)
    valid, test = (set(split.beside[NEW].candidates.tolist()) for split in (splits.valid, splits.test))
    assert len(valid) == 4 and len(test) == 8 and not valid & test
    taken = pairs(data.users, data.items)
    for split, chosen in ((splits.valid, valid), (splits.test, test)):
        among, in_all = split.beside[NEW], split.beside[NEW_IN_ALL]
        assert in_all.candidates is None and np.array_equal(among.users, in_all.users)
        for row, user in enumerate(among.users.tolist()):
            assert set(among.positives.row(row)) == {i for u, i in taken if u == user and i in chosen}
            old = {i for u, i in taken if u == user} - valid - test
            assert set(in_all.mask.row(row)) == old  # what a user took is no negative, whatever its label


def test_each_seed_draws_its_own_unless_one_is_given(data, config):
    drawn = [set(make_splits(data, config.replaced(seed=s)).test.cold_items) for s in (1, 2)]
    assert drawn[0] != drawn[1]
    digests = {make_splits(data, config.replaced(seed=s, cold_seed=5)).digest for s in (1, 2)}
    assert len(digests) == 1


def test_no_user_is_left_without_a_training_row(config):
    """User 0 has one training row: its item cannot be new, however often it is drawn."""
    users = np.array([0, *[1] * 9, *[2] * 9])
    items = np.array([0, *range(9), *range(1, 10)])
    data = Interactions(users, items, np.array([0, *([0] * 7 + [1, 2]) * 2]), 3, 10)
    for seed in range(20):
        new = draw_new_items(data, config.replaced(seed=seed, new_items=0.4))
        left = (data.labels == 0) & ~np.isin(data.items, new)
        assert len(new) == 4 and 0 not in new and set(data.users[left].tolist()) == {0, 1, 2}
    with pytest.raises(DataError, match=r"new_items=0.9: 9 of 10 items.*only [1-8] can be"):
        make_splits(data, config.replaced(new_items=0.9))


@pytest.mark.parametrize(
    ("keys", "message"), [({"new_items": 1.5}, "share from 0 to 1"), ({"cold_items": 0.2}, "two protocols")]
)
def test_what_cannot_be_is_said(data, config, keys, message):
    with pytest.raises(ConfigError, match=message):
        make_splits(data, config.replaced(**keys))


def test_one_run_reports_both_and_one_table_has_both(toy_keys):
    for model in ("VBPR", "Content"):
        result = quick_start(model, "toy", {**toy_keys, **SMALL})
        assert {"recall@2", "new/recall@2", "new in all/recall@4"} <= set(result.test)
        arrays = result.record.per_user()
        for name in ("recall@2", "new/recall@2", "new in all/recall@4"):
            assert arrays[name].mean() == pytest.approx(result.test[name])
            assert len(arrays[name]) == len(arrays[f"{name.rpartition('/')[0]}/users".lstrip("/")])
    (table,) = results_table(find_runs(toy_keys["run_path"], "toy"), ["recall@2", "new/recall@2"])
    assert [column.name for column in table.columns[:4]] == ["model", "seeds", "recall@2", "new/recall@2"]
    assert sum(note.startswith("New: ") for note in table.notes) == 1
    assert any(note.startswith("Columns: New, items without a training interaction") for note in table.notes)


@pytest.mark.parametrize("keys", [SMALL, {"cold_items": 0.5, "topk": [2], "valid_metric": "Recall@2"}])
def test_data_that_changed_meanwhile_are_another_table(toy_keys, keys):
    quick_start("BPR", "toy", {**toy_keys, **keys})
    path = Path(toy_keys["data_path"]) / "toy" / "toy.inter"
    header, first, *rows = path.read_text().splitlines(keepends=True)
    path.write_text("".join([header, *rows, first]))  # the same pairs and labels, so as many of all
    with pytest.raises(OtherData, match="protocol"):
        quick_start("BPR", "toy", {**toy_keys, **keys, "resume": True})
    quick_start("BPR", "toy", {**toy_keys, **keys, "seed": 2})
    assert len(results_table(find_runs(toy_keys["run_path"], "toy"), ["recall@2"])) == 2


@pytest.mark.parametrize("selection", ["warm", "new", "mean"])
def test_the_best_epoch_is_the_best_of_what_is_asked_for(toy_keys, selection):
    result = quick_start("Content", "toy", {**toy_keys, **SMALL, "epochs": 8, "selection": selection})
    lines = [json.loads(line) for line in (result.record.path / "epochs.jsonl").read_text().splitlines()]
    warm, new = (np.array([line["valid"][name] for line in lines]) for name in ("recall@2", "new/recall@2"))
    wanted = {"warm": warm, "new": new, "mean": (warm + new) / 2}[selection]
    assert result.record.info["best"]["epoch"] == 1 + int(np.argmax(wanted))


def test_a_cutoff_that_few_new_items_cannot_fill_is_left_out_there(toy_keys):
    result = quick_start("VBPR", "toy", {**toy_keys, "new_items": 0.25, "topk": [2, 20], "valid_metric": "Recall@20"})
    assert "recall@20" in result.test and "new/recall@20" not in result.test and "new/recall@2" in result.test
    assert result.record.info["notes"] == [
        f"{name}: {n} items are ranked, so topk 20 is left out." for name, n in (("valid, new", 4), ("test, new", 8))
    ]
    with pytest.raises(ConfigError, match="valid, new: valid_metric=recall@20 cannot .* 4 items .* known: recall@2"):
        keys = {**SMALL, "topk": [2, 20], "valid_metric": "Recall@20", "selection": "new"}
        quick_start("VBPR", "toy", {**toy_keys, **keys})


def test_a_ranking_of_too_few_new_items_is_left_out(toy_keys):
    result = quick_start("BPR", "toy", {**toy_keys, "new_items": 0.1})
    assert "valid, new: one item is ranked, so this ranking is left out." in result.record.info["notes"]
    assert not any(name.startswith("new/") for name in result.valid) and "new in all/recall@5" in result.valid


def test_cutoffs_that_cold_items_cannot_fill_are_left_out_before_anything_is_encoded(toy_keys, monkeypatch):
    cold = {**toy_keys, "cold_items": 0.5}  # 8 items for validation, 16 for test
    result = quick_start("BPR", "toy", {**cold, "valid_metric": "Recall@5"})
    assert {"recall@5"} == {name for name in result.valid if name.startswith("recall@")}
    assert {"recall@5", "recall@10"} == {name for name in result.test if name.startswith("recall@")}
    assert set(result.test) <= set(result.record.per_user())
    monkeypatch.setattr(Dataset, "features", lambda *_: pytest.fail("encoded"))
    with pytest.raises(ConfigError, match="valid: valid_metric=recall@20 .* 8 items"):
        quick_start("VBPR", "toy", cold)
    with pytest.raises(ConfigError, match="test: topk=17 .* 16 items|valid: valid_metric=recall@17 .* 8 items"):
        quick_start("VBPR", "toy", {**cold, "topk": [17], "valid_metric": "Recall@17"})
    assert len(find_runs(toy_keys["run_path"], "toy")) == 1
