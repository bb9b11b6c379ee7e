"""Beyond accuracy: known answers, equality with RecTools where it is installed, and the table over runs."""

from __future__ import annotations

import math

import numpy as np
import pytest

from mmrec_host.cli.main import main
from mmrec_host.data.ragged import Ragged
from mmrec_host.quick_start import quick_start
from run_tools.beyond.lists import Items, Lists, category_matrix
from run_tools.beyond.metrics import LIST_METRICS

POPULARITY = np.array([8, 4, 2, 1, 1, 0])  # of items 0 to 5; U = 8; the head, 80 % of 16, is items 0, 1 and 2
CATEGORIES = {0: ["a"], 1: ["a", "b"], 2: ["b"], 3: ["c"]}  # 4 and 5 have none
FEATURES = np.array([[1, 0], [0, 1], [1, 0], [0, 1], [0.6, 0.8], [0, 0]])
SHOWN = np.array([[0, 1], [0, 3], [4, 5]])
HISTORY = [[0, 0, 1], [3], [4]]
POSITIVES = [[1], [3], [0]]


def ragged(rows: list[list[int]]) -> Ragged:
    return Ragged.group(np.repeat(np.arange(len(rows)), [len(row) for row in rows]), np.concatenate(rows), len(rows))


@pytest.fixture
def lists() -> Lists:
    items = Items(POPULARITY, 8, 6, category_matrix(CATEGORIES, 6), FEATURES)
    return Lists.make(SHOWN, ragged(POSITIVES), ragged(HISTORY), items)


KNOWN = {
    "coverage": 5 / 6,  # items 0, 1, 3, 4, 5
    "gini": (-5 * 0 + -3 * 1 + -1 * 1 + 1 * 1 + 3 * 1 + 5 * 2) / (6 * 6),  # counts 0 1 1 1 1 2
    "entropy": -(2 / 6) * math.log2(2 / 6) - 4 * (1 / 6) * math.log2(1 / 6),
    "novelty": [(0 + 1) / 2, (0 + 3) / 2, (3 + 3) / 2],  # of items 0 1 3 4 5: 0, 1, 3, 3 bits, and 3 as for one
    "popularity": [6, 4.5, 0.5],
    "aplt": [0, 0.5, 1],
    "aclt": [0, 1, 2],
    "serendipity": [0, (4 - 2) / 6 / 2, 0],  # item 1 is as popular as its place; item 3 is fourth, and shown second
    "diversity": [1 - 1 / 2, 1, 1],
    "feature_diversity": [1, 1, 1],
}


@pytest.mark.parametrize("name", KNOWN)
def test_known_answers(lists, name):
    assert LIST_METRICS.get(name)(lists) == pytest.approx(np.array(KNOWN[name]))


def test_calibration_is_small_for_lists_like_the_history_and_large_for_others(lists):
    values = LIST_METRICS.get("calibration")(lists)
    p, q = np.array([5 / 6, 1 / 6]), np.array([3 / 4, 1 / 4])  # user 0: items 0, 0, 1 against 0, 1
    assert values[0] == pytest.approx((p * np.log(p / (0.99 * q + 0.01 * p))).sum())
    assert values[1] == pytest.approx(math.log(1 / (0.99 * 0.5 + 0.01)))  # took c alone, is shown a and c
    assert math.isnan(values[2])  # took nothing that has a category


def test_the_ends_of_the_scale():
    items = Items(np.full(4, 2), 4, 4)
    even = Lists.make(np.array([[0, 1], [2, 3]]), ragged([[0], [0]]), ragged([[1], [1]]), items)
    one = Lists.make(np.array([[2], [2]]), ragged([[0], [0]]), ragged([[1], [1]]), items)
    assert LIST_METRICS.get("gini")(even) == 0 and LIST_METRICS.get("gini")(one) == 3 / 4
    assert LIST_METRICS.get("entropy")(even) == 2 and LIST_METRICS.get("entropy")(one) == 0
    for name in ("diversity", "feature_diversity", "calibration"):
        assert LIST_METRICS.get(name)(even) is None


def test_rectools_finds_the_same(lists):
    pytest.importorskip("rectools")
    import pandas as pd
    from rectools import metrics as theirs

    def frame(rows, **columns):
        lengths = [len(row) for row in rows]
        users = np.repeat(np.arange(len(rows)), lengths)
        return pd.DataFrame({"user_id": users, "item_id": np.concatenate(rows), **columns})

    ranks = np.tile(np.arange(1, 3), len(SHOWN))
    shown = frame(SHOWN, rank=ranks)
    took = np.repeat(np.arange(6), POPULARITY)
    before = pd.DataFrame({"user_id": np.concatenate([np.arange(n) for n in POPULARITY]), "item_id": took})
    tested = frame(POSITIVES)
    ours = {name: np.mean(LIST_METRICS.get(name)(lists)) for name in KNOWN}
    assert theirs.CatalogCoverage(2, normalize=True).calc(shown, range(6)) == pytest.approx(ours["coverage"])
    assert theirs.MeanInvUserFreq(2).calc(shown, before) == pytest.approx(ours["novelty"])
    assert theirs.AvgRecPopularity(2).calc(shown, before) == pytest.approx(ours["popularity"])
    assert theirs.Serendipity(2).calc(shown, tested, before, range(6)) == pytest.approx(ours["serendipity"])


@pytest.fixture(scope="module")
def runs(tmp_path_factory, toy_in):
    keys = toy_in(tmp_path_factory.mktemp("beyond"))
    for model in ("VBPR", "Pop", "Random"):
        quick_start(model, "toy", {**keys, "epochs": 2})
    return keys


def table_of(keys, *words: str) -> list[str]:
    places = [f"{key}={keys[key]}" for key in ("data_path", "cache_path")]
    assert main(["beyond", "-d", "toy", "--runs", str(keys["run_path"]), "--format", "csv", *words, *places]) == 0


def test_the_table_over_runs(runs, capsys):
    table_of(runs, "-k", "5,10", "--metrics", "coverage,novelty,feature_diversity")
    head, *rows = capsys.readouterr().out.splitlines()
    names = [*(f"{name}@{k}" for name in ("coverage", "novelty", "feature_diversity") for k in (5, 10))]
    assert [name.lower().replace(" ", "_") for name in head.split(",")[1:7]] == names
    values = {row.split(",")[0].split()[0]: [float(v) for v in row.split(",")[1:7]] for row in rows[:3]}
    assert values["Random"][0] > values["Pop"][0] and values["Random"][2] > values["Pop"][2]
    assert values["Pop"][4] > 0  # in the features of VBPR's run, since it has none itself


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["-k", "0"], "-k 0: must be whole numbers"),
        (["-k", "ten"], "-k ten: must be"),
        (["--metrics", "noveltie"], "unknown list metric 'noveltie', did you mean 'novelty'"),
        (["--category-field", "genre"], "--category-field genre: no line of"),
        (["-k", "999"], "lists of 999 items: only"),
        (["-d", "none"], "no finished run on 'none'"),
    ],
)
def test_what_cannot_be_measured_is_said(runs, capsys, words, message):
    places = [f"{key}={runs[key]}" for key in ("data_path", "cache_path")]
    assert main(["beyond", "-d", "toy", "--runs", str(runs["run_path"]), *words, *places]) == 2
    assert message in capsys.readouterr().err
