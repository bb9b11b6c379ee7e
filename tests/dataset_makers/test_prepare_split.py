"""MMRec's rules for ids and splits, the k-core, and an existing split taken over byte for byte."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest
from preparing import prepare

from dataset_makers.prepare.arguments import RULES
from dataset_makers.prepare.faults import Faults
from dataset_makers.prepare.interaction_log import InteractionLog, LogBuilder, k_core, without_repeats
from dataset_makers.prepare.split_rules import SPLIT_RULES, Rule
from dataset_makers.prepare.split_rules import split as split_by
from mmrec_host.data.id_maps import id_map, read_id_map
from mmrec_host.errors import ConfigError, DataError
from run_tools.catalogue import Names

BABY = Path(os.environ.get("PTMREC_TEST_DATA", "nowhere")) / "baby"


def make_log(rows: list[tuple]) -> InteractionLog:
    builder = LogBuilder()
    for row in rows:
        builder.add(*row)
    return builder.build()


def split(log: InteractionLog, name: str, seed: int) -> np.ndarray:
    return split_by(log, Rule(name, seed))


def pairs(log: InteractionLog) -> list[tuple[str, str]]:
    return [(log.user_ids[u], log.item_ids[i]) for u, i in zip(log.users, log.items)]


def test_k_core_is_taken_until_nothing_changes():
    core = [(u, i) for u in "abc" for i in "xyz"]
    chain = [("d", "x"), ("d", "y"), ("d", "w"), ("e", "w"), ("e", "v"), ("f", "v")]  # falls apart from its end
    log = k_core(make_log([*chain, *core]), 3)
    assert sorted(pairs(log)) == sorted(core)
    assert k_core(make_log(chain), 1).item_ids == ["x", "y", "w", "v"]
    small = [*chain, *((u, i) for u in "gh" for i in "st")]
    with pytest.raises(DataError, match="of 10 rows the 3-core keeps none. --k-core 2 keeps 4, --k-core 1 keeps all."):
        k_core(make_log(small), 3)
    with pytest.raises(DataError, match="of 6 rows the 5-core keeps none. --k-core 1 keeps all."):
        k_core(make_log(chain), 5)


def test_ids_are_numbered_by_first_appearance_of_what_is_left():
    rows = [("z", "9"), ("b", "1"), ("b", "9"), ("a", "1"), ("a", "9")]
    log = k_core(make_log(rows), 2)
    assert (log.user_ids, log.item_ids) == (["b", "a"], ["1", "9"])
    assert log.users.tolist() == [0, 0, 1, 1] and log.items.tolist() == [0, 1, 0, 1]


def test_repeated_pairs_are_reported_and_the_first_stays():
    faults = Faults()
    log = without_repeats(make_log([("a", "x", 1.0, 5), ("b", "x", 2.0, 6), ("a", "x", 3.0, 7)]), faults)
    assert log.ratings.tolist() == [1.0, 2.0]
    assert faults.as_json() == {"repeated user-item pair (first kept)": {"count": 1, "examples": ["user a, item x"]}}


@pytest.mark.parametrize(
    ("n", "held"), [(2, (0, 0)), (3, (1, 1)), (9, (1, 1)), (10, (1, 1)), (15, (1, 2)), (29, (2, 3))]
)
def test_mmrecs_rule_holds_out_by_the_number_of_a_users_rows(n, held):
    log = make_log([*((user, str(i)) for user in "ab" for i in range(n)), *(("c", str(i)) for i in range(5))])
    labels = split(log, "mmrec", 1)
    for user in range(2):
        counts = np.bincount(labels[log.users == user], minlength=3)
        assert tuple(counts[1:]) == held and counts.sum() == n


def test_the_command_line_knows_the_rules():
    assert set(RULES) == set(SPLIT_RULES)


def test_mmrecs_rule_is_random_by_seed():
    log = make_log([(str(user), str(i)) for user in range(50) for i in range(20)])
    first, again, other = (split(log, "mmrec", seed) for seed in (1, 1, 2))
    assert (first == again).all() and (first != other).any()
    held_of_first_items = (first[log.items == 0] > 0).mean()
    assert 0.02 < held_of_first_items < 0.5  # not the rows that the source happens to have last


def test_last_is_by_time_and_ties_are_in_the_sources_order():
    log = make_log(
        [("a", "1", 1, 30), ("a", "2", 1, 10), ("a", "3", 1, 20), ("b", "1", 1, 7), ("b", "2", 1, 7), ("b", "3", 1, 7)]
    )
    assert split(log, "last", 0).tolist() == [2, 0, 1, 0, 1, 2]
    with pytest.raises(ConfigError, match="--time COLUMN"):
        split(make_log([("a", str(i)) for i in range(5)]), "last", 0)
    with pytest.raises(DataError, match="no user has 3 interactions"):
        split(make_log([("a", "1"), ("a", "2")]), "mmrec", 0)


def timed_log() -> InteractionLog:
    """Ten users with ten rows each, whose times are mixed among users."""
    return make_log([(str(user), str(n), 1.0, 100.0 * n + user) for user in range(10) for n in reversed(range(10))])


def test_shares_of_each_users_rows_at_random_or_by_time():
    log = timed_log()
    for name in ("ratio", "ratio-time"):
        labels = split_by(log, Rule(name, 1, (0.7, 0.2, 0.1)))
        for user in range(10):
            assert np.bincount(labels[log.users == user], minlength=3).tolist() == [7, 2, 1]
    assert all(labels[log.times >= 900] == 2) and all(labels[(log.times >= 700) & (log.times < 900)] == 1)
    first, other = (split_by(log, Rule("ratio", seed, (0.7, 0.2, 0.1))) for seed in (1, 2))
    assert (first != other).any()
    few = make_log([("a", str(n), 1.0, n) for n in range(3)])
    assert split_by(few, Rule("ratio-time")).tolist() == [0, 1, 2]  # one each, where a share is less than a row


def test_leave_one_out_is_random_and_holds_out_one_row_each():
    log = timed_log()
    first, other = (split_by(log, Rule("leave-one-out", seed)) for seed in (1, 2))
    assert np.bincount(first).tolist() == [80, 10, 10] and (first != other).any()


def test_two_points_in_time_hold_for_all_users():
    log = timed_log()
    labels = split_by(log, Rule("time", since=(500.0, 800.0)))
    assert (labels == (log.times >= 500).astype(int) + (log.times >= 800)).all()
    assert np.bincount(split_by(log, Rule("time", ratio=(0.6, 0.2, 0.2)))).tolist() == [60, 20, 20]
    with pytest.raises(DataError, match="100 for training, 0 for validation, 0 for test"):
        split_by(log, Rule("time", since=(5000.0, 8000.0)))
    with pytest.raises(ConfigError, match="--split-rule time orders rows by time"):
        split_by(make_log([("a", str(n)) for n in range(9)]), Rule("time"))


def test_users_and_items_may_have_cores_of_their_own():
    log = make_log([(u, i) for u in "abc" for i in "xyz"] + [("a", "w"), ("d", "x")])
    kept = k_core(log, 3, 1)
    assert sorted(kept.user_ids) == ["a", "b", "c"] and sorted(kept.item_ids) == ["w", "x", "y", "z"]
    kept = k_core(log, 1, 3)
    assert sorted(kept.user_ids) == ["a", "b", "c", "d"] and sorted(kept.item_ids) == ["x", "y", "z"]
    with pytest.raises(DataError, match="every user has 2 and every item 9. Ask for less with --k-core USERS,ITEMS"):
        k_core(log, 2, 9)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--ratio", "0.8,0.1,0.1"], "--ratio: belongs to --split-rule ratio"),
        (["--split-rule", "time", "--since", "2020-01-01"], "must be two times"),
        (["--split-rule", "time", "--since", "2020-02-01,2020-01-01"], "the earlier first"),
        (["--valid", "v.csv"], "--valid, --test: a split in several files needs"),
        (["--label", "x", "--split-rule", "last"], "--split-rule: makes a new split"),
        (["--feature-ids", "ids.txt"], "--feature-ids: belongs to"),
        (["--k-core", "3,0"], "--k-core 3,0 .* must be 1 or more"),
    ],
)
def test_options_of_the_split_that_do_not_fit_each_other_are_refused(words, message, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ConfigError, match=message):
        prepare("x", "--interactions", "log.csv", *words)


@pytest.mark.skipif(not BABY.is_dir(), reason="PTMREC_TEST_DATA names no folder with baby")
def test_baby_gets_mmrecs_ids_from_rows_in_the_order_of_the_reviews():
    """Amazon's 5-core files are sorted by item; MMRec's published ids are those of first appearance in them."""
    numbers = np.loadtxt(BABY / "baby.inter", np.int64, delimiter="\t", skiprows=1, usecols=(0, 1))
    users, items = read_id_map(BABY / "u_id_mapping.csv", 19445), read_id_map(BABY / "i_id_mapping.csv", 7050)
    rows = sorted(numbers.tolist(), key=lambda row: (items[row[1]], row[0]))
    log = k_core(make_log([(users[user], items[item]) for user, item in rows]), 5)
    assert log.user_ids == users and log.item_ids == items
    labels = split(log, "mmrec", 0)
    assert np.bincount(labels).tolist() == [118551, 20559, 21682]  # what MMRec's split of Baby has


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("asin\titemID\nA\t0\nB\t1\n", r"names 2 numbers, and the dataset has 3 \(not index 2\)"),
        ("asin\titemID\nA\t0\nB\t0\nC\t2\n", "line 3: 'B\\\\t0' is no pair, or its number was there"),
        ("asin\titemID\nA,0\n", "line 2: 'A,0' is no pair"),
        ("asin\titemID\nA\t0\nB\t1\nC\t2\nD\t3\n", "names 4 numbers, and the dataset has 3"),
    ],
)
def test_a_map_that_does_not_fit_the_split_is_refused(tmp_path, text, message):
    (tmp_path / "map.csv").write_text(text)
    with pytest.raises(DataError, match=message):
        read_id_map(tmp_path / "map.csv", 3)
    with pytest.raises(DataError, match="cannot be read"):
        read_id_map(tmp_path / "none.csv", 3)


def test_a_map_is_read_as_it_was_written_blank_lines_at_its_end_and_all(tmp_path):
    ids = ["a b", "é", "line\u2028separator", "7"]
    path = tmp_path / "i_id_mapping.csv"
    path.write_bytes(id_map(ids, "asin", "itemID").replace(b"\n", b"\r\n") + b"\n \n")
    assert read_id_map(path, 4) == ids
    assert Names.read("item", tmp_path, 3).originals == ids[:3]  # of a split that leaves items out
    path.write_bytes("asin\titemID\né\t0\n".encode("cp1252"))
    for read in (lambda: read_id_map(path, 1), lambda: Names.read("item", tmp_path, 1)):
        with pytest.raises(DataError, match="i_id_mapping.csv: the id map cannot be read.*UTF-8"):
            read()
