"""Reading interactions, splits, negatives and feature files."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from mmrec_host.config import Config, load_config
from mmrec_host.data.dataset import load_dataset
from mmrec_host.data.features import load_features
from mmrec_host.data.id_maps import read_id_map
from mmrec_host.data.interactions import Interactions, read_interactions
from mmrec_host.data.loader import TrainLoader
from mmrec_host.data.sampling import NegativeSampler
from mmrec_host.data.splits import make_splits
from mmrec_host.errors import ConfigError, DataError

HEADER = "userID\titemID\trating\ttimestamp\tx_label\n"
GOOD = "0\t0\t5\t1\t0\n0\t1\t5\t1\t1\n0\t2\t5\t1\t2\n1\t1\t5\t1\t0\n1\t0\t5\t1\t1\n1\t2\t5\t1\t2\n"


@pytest.fixture
def config() -> Config:
    return load_config("BPR", "toy").replaced(device=torch.device("cpu"), seed=1)


def write(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "x.inter"
    path.write_text(text)
    return path


def test_reads_columns_by_name_in_any_order(tmp_path, config):
    path = write(tmp_path, "x_label\titemID\tuserID\n0\t3\t1\n1\t2\t1\n2\t1\t1\n0\t0\t0\n")
    data = read_interactions(path, config)
    assert (data.n_users, data.n_items) == (2, 4)
    assert data.items.tolist() == [3, 2, 1, 0] and data.labels.tolist() == [0, 1, 2, 0]


@pytest.mark.parametrize(
    "text, parts",
    [
        (HEADER + GOOD + "1\tabc\t5\t1\t0\n", ["line 8", "'itemID'", "'abc'"]),
        (HEADER + GOOD + "1\t2\n", ["line 8", "'x_label'", "missing"]),
        (HEADER + GOOD + "-1\t2\t5\t1\t0\n", ["line 8", "'userID'", "-1"]),
        (HEADER + GOOD + "0\t99999999\t5\t1\t0\n", ["line 8", "'itemID'", "99999999", "out of range"]),
        (HEADER + GOOD + "0\t2\t5\t1\t7\n", ["line 8", "'x_label'", "0 (train)"]),
        ("user\titem\tx_label\n1\t2\t0\n", ["line 1", "'userID'", "USER_ID_FIELD"]),
        (HEADER, ["no interactions"]),
        (HEADER + "0\t0\t5\t1\t0\n", ["x_label 1 (valid)"]),
    ],
)
def test_a_malformed_file_is_named_with_line_and_column(tmp_path, config, text, parts):
    with pytest.raises(DataError) as caught:
        read_interactions(write(tmp_path, text), config)
    assert all(part in str(caught.value) for part in [*parts, "x.inter"])


@pytest.mark.parametrize("rule, rows", [("keep", 7), ("drop", 6)])
def test_repeated_pairs_follow_the_rule(tmp_path, config, rule, rows):
    path = write(tmp_path, HEADER + GOOD + "0\t0\t5\t1\t0\n")
    assert len(read_interactions(path, config.replaced(duplicates=rule)).users) == rows
    with pytest.raises(DataError, match="line 8"):
        read_interactions(path, config.replaced(duplicates="error"))


def interactions(rows: list[tuple[int, int, int]]) -> Interactions:
    users, items, labels = np.array(rows).T
    return Interactions(users, items, labels.astype(np.int8), users.max() + 1, items.max() + 1)


def test_splits_mask_training_items_and_by_key_validation_items(config):
    data = interactions([(0, 0, 0), (0, 1, 1), (0, 2, 2), (1, 2, 0), (1, 0, 1), (1, 3, 2), (2, 3, 2)])
    splits = make_splits(data, config)
    assert splits.test.users.tolist() == [0, 1]  # user 2 has no training row
    assert splits.test.mask.row(0).tolist() == [0] and splits.valid.positives.row(1).tolist() == [0]
    wide = make_splits(data, config.replaced(eval_mask="train_valid"))
    assert wide.test.mask.row(0).tolist() == [0, 1] and wide.valid.mask.row(0).tolist() == [0]
    assert wide.digest != splits.digest
    with pytest.raises(ConfigError, match="train_valid"):
        make_splits(data, config.replaced(eval_mask="all"))


def test_cold_items_have_no_training_rows_and_are_ranked_among_themselves(config):
    rng = np.random.default_rng(0)
    rows = [
        (u, i, int(label))
        for u in range(30)
        for i, label in zip(rng.permutation(60)[:20], rng.permutation([0] * 16 + [1] * 2 + [2] * 2))
    ]
    data = interactions(rows)
    splits = make_splits(data, config.replaced(cold_items=0.2))
    valid, test = splits.valid.candidates, splits.test.candidates
    assert (len(valid), len(test)) == (4, 8) and not set(valid) & set(test)
    assert not np.isin(splits.train_items, np.concatenate([valid, test])).any()
    assert set(splits.test.positives.values) <= set(test)
    total = np.isin(data.items, test) & np.isin(data.users, np.unique(splits.train_users))
    assert (
        len(splits.test.positives.values) == total.sum()
    )  # all interactions of a cold item count, whatever their label
    other = make_splits(data, config.replaced(cold_items=0.2, seed=2))
    assert set(other.test.candidates) != set(test)
    fixed = [make_splits(data, config.replaced(cold_items=0.2, cold_seed=5, seed=s)).digest for s in (1, 2)]
    assert fixed[0] == fixed[1]


def test_cold_items_in_the_full_catalogue_compete_with_no_item_that_the_user_took(config):
    rng = np.random.default_rng(1)
    rows = [
        (u, int(i), int(x)) for u in range(20) for i, x in zip(rng.permutation(50)[:12], [0] * 8 + [1] * 2 + [2] * 2)
    ]
    data = interactions(rows)
    splits = make_splits(data, config.replaced(cold_items=0.2, cold_candidates="all"))
    assert splits.test.candidates is None and len(splits.test.cold_items) == 10
    taken = set(zip(data.users.tolist(), data.items.tolist()))
    for place, user in enumerate(splits.test.users):
        warm = {i for u, i in taken if u == user and i not in set(splits.test.cold_items)}
        assert set(splits.test.mask.row(place)) == warm


def test_negatives_are_trained_items_that_the_user_did_not_take():
    rng = np.random.default_rng(0)
    users, items = np.repeat(np.arange(20), 9), np.concatenate([rng.permutation(10)[:9] * 2 for _ in range(20)])
    sampler = NegativeSampler(users, items, 21)
    negatives = sampler.draw(users, rng)
    pairs = set(zip(users.tolist(), items.tolist()))
    assert not any((u, n) in pairs for u, n in zip(users.tolist(), negatives.tolist()))
    assert set(negatives.tolist()) <= set(items.tolist())  # only one item is left for each user, and it must be found


def test_negatives_are_uniform_over_what_is_allowed():
    users, items = np.array([0, 0, 1, 2, 3, 4]), np.array([0, 1, 2, 3, 4, 5])
    drawn = NegativeSampler(users, items, 6).draw(np.zeros(40_000, np.int64), np.random.default_rng(0))
    shares = np.bincount(drawn, minlength=6) / len(drawn)
    assert shares[:2].sum() == 0 and np.allclose(shares[2:], 0.25, atol=0.01)


def test_a_user_who_has_everything_is_an_error_not_a_hang():
    with pytest.raises(DataError, match="user 0 has all 3 items"):
        NegativeSampler(np.array([0, 0, 0, 1]), np.array([0, 1, 2, 0]), 3)


def test_an_epoch_holds_every_pair_once_and_depends_on_seed_phase_and_epoch(config):
    users, items = np.repeat(np.arange(50), 4), np.tile(np.arange(20), 10)
    loader = TrainLoader(config.replaced(train_batch_size=64), users, items, 50, 20, load_nothing())
    first = torch.cat(list(loader.epoch(1)), 1)
    pairs = sorted(zip(first[0].tolist(), first[1].tolist()))
    assert pairs == sorted(zip(users.tolist(), items.tolist())) and len(list(loader.epoch(1))) == len(loader)
    assert torch.equal(first, torch.cat(list(loader.epoch(1)), 1))
    assert not torch.equal(first, torch.cat(list(loader.epoch(2)), 1))
    assert not torch.equal(first, torch.cat(list(loader.epoch(1, "stage2")), 1))
    without = TrainLoader(config.replaced(use_neg_sampling=False), users, items, 50, 20, load_nothing())
    assert next(without.epoch(1)).shape == (2, 200)


def load_nothing():
    from mmrec_host.data.features import Features

    return Features()


def test_feature_files_are_checked(tmp_path, config):
    config = config.replaced(features="files", is_multimodal_model=True)
    np.save(tmp_path / "image_feat.npy", np.ones((4, 3)))
    np.save(tmp_path / "text_feat.npy", np.eye(4))
    assert load_features(config, tmp_path, 4).t.dtype == torch.float32
    with pytest.raises(DataError, match=r"\[5, d\]"):
        load_features(config, tmp_path, 5)
    for spoilt in (np.nan, -np.inf, 1e20):  # of the last, the square is infinite in float32
        np.save(tmp_path / "text_feat.npy", np.array([[1.0], [2.0], [spoilt], [1.0]]))
        with pytest.raises(DataError, match="first is item 2"):
            load_features(config, tmp_path, 4)
    (tmp_path / "text_feat.npy").unlink()
    with pytest.raises(DataError, match=r"modalities=\[v\]"):
        load_features(config, tmp_path, 4)
    only_images = load_features(config.replaced(modalities="v"), tmp_path, 4)
    assert only_images.t is None and list(only_images.tables()) == ["v"]
    np.save(tmp_path / "image_feat.npy", np.array([{}], dtype=object))
    with pytest.raises(DataError, match="safely"):
        load_features(config.replaced(modalities="v"), tmp_path, 4)


def test_shuffled_features_are_the_same_rows_in_another_order(tmp_path, config):
    config = config.replaced(features="files", is_multimodal_model=True, modalities=["t"])
    np.save(tmp_path / "text_feat.npy", np.arange(40.0).reshape(20, 2))
    plain, mixed = (load_features(config.replaced(shuffle_features=s), tmp_path, 20) for s in (False, True))
    assert not torch.equal(plain.t, mixed.t) and torch.equal(plain.t, mixed.t.sort(0).values)
    assert plain.fingerprint != mixed.fingerprint


def test_a_missing_dataset_says_how_to_get_one(tmp_path, config):
    with pytest.raises(DataError, match="-d mini"):
        load_dataset(config.replaced(data_path=str(tmp_path)))


@pytest.mark.parametrize(
    "array",
    [
        np.array(["a"] * 4),
        np.array([b"ab"] * 4),
        np.zeros((4, 2), "datetime64[D]"),
        np.zeros((4, 2), "timedelta64[s]"),
        np.zeros((4, 2), complex),
        np.zeros((4, 2), [("a", "f4")]),
        np.zeros((4, 0)),
        np.zeros(4),
    ],
    ids=lambda array: f"{array.dtype} {array.shape}",
)
def test_what_is_no_table_of_numbers_is_no_feature(tmp_path, config, array):
    config = config.replaced(features="files", is_multimodal_model=True, modalities=["v"])
    np.save(tmp_path / "image_feat.npy", array)
    with pytest.raises(DataError, match=r"Features are numbers, \[n_items, d\]|items need \[4, d\], d 1 or more"):
        load_features(config, tmp_path, 4)


def test_a_device_is_no_feature_file(tmp_path, config):
    config = config.replaced(features="files", is_multimodal_model=True, modalities=["v"])
    (tmp_path / "image_feat.npy").symlink_to("/dev/null")
    with pytest.raises(DataError, match="image_feat.npy: is no ordinary file"):
        load_features(config, tmp_path, 4)


def test_a_raw_id_or_a_number_that_occurs_twice_in_an_id_map_is_named(tmp_path):
    path = tmp_path / "u_id_mapping.csv"
    path.write_text("user_id\tuserID\nA\t0\nB\t1\nA\t2\n")
    with pytest.raises(DataError, match=r"u_id_mapping.csv, line 4: the id 'A' was already on line 2"):
        read_id_map(path, 3)
    path.write_text("user_id\tuserID\nA\t0\nB\t1\nC\t1\n")
    with pytest.raises(DataError, match="line 4: .*its number was there"):
        read_id_map(path, 3)


def test_two_keys_that_name_one_column_are_refused(tmp_path, config):
    (tmp_path / "a.inter").write_text("itemID\tx_label\n0\t0\n1\t1\n2\t2\n")
    with pytest.raises(DataError, match="no two of these keys may name the same one"):
        read_interactions(tmp_path / "a.inter", config.replaced(USER_ID_FIELD="itemID"))
