"""A study's report has the right numbers: of runs whose users' metrics are known."""

from __future__ import annotations

import json

import numpy as np
import pytest
import yaml
from hand_made_runs import finish
from scipy import stats

from mmrec_host.evaluation.significance import holm
from run_tools.study.cells import make_cells
from run_tools.study.places import TestPlaces
from run_tools.study.popularity import popularity_groups
from run_tools.study.study_file import read_study

BASE, CONTROL, TUNED = "base", "control", "tuned"
ROWS = {
    BASE: {"model": "BPR"},
    CONTROL: {"model": "BPR", "reg_weight": 0.3},
    TUNED: {"model": "BPR", "reg_weight": 0.4, "against": [BASE], "control": CONTROL},
}
USERS = {  # of each row, of seeds 999 and 1000
    BASE: ([0, 0, 1, 0], [0, 1, 0, 0]),
    CONTROL: ([0.5, 0, 1, 0], [0, 1, 0.5, 0]),
    TUNED: ([1, 0, 1, 0], [0, 1, 1, 0]),
}


@pytest.fixture
def study(tmp_path):
    """Writes a study's file and makes its cells: what it says besides -> the file and the cells by their place."""

    def make(**said):
        file = tmp_path / "known.yaml"
        whole = {"datasets": ["toy"], "seeds": 2, "metrics": ["recall@5"], "rows": ROWS, **said}
        whole["keys"] = {"run_path": str(tmp_path / "runs"), "topk": [5], "valid_metric": "recall@5", "device": "cpu"}
        file.write_text(yaml.safe_dump(whole, sort_keys=False))
        cells = make_cells(read_study(str(file)), {}, whole["seeds"])
        return file, {cell.place: cell for cell in cells}

    return make


@pytest.fixture
def report_of(ptmrec, tmp_path):
    """Writes the report of what has finished: the study's file -> report.json and report.md."""

    def report(file):
        code, _, errors = ptmrec("study", file, "--report-only", "-q")
        assert code == 0, errors
        folder = tmp_path / "studies" / "known"
        return json.loads((folder / "report.json").read_text()), (folder / "report.md").read_text()

    return report


def finish_all(cells, dataset="toy", users=USERS):
    for name, seeds in users.items():
        for seed, values in zip((999, 1000), seeds):
            finish(cells[dataset, name, seed], {"recall@5": values})


def pair(comparisons, row, against, **fields):
    (found,) = (
        c
        for c in comparisons
        if (c["row"], c["against"]) == (row, against) and all(c[key] == value for key, value in fields.items())
    )
    return found


def test_rows_differences_and_the_control_s_share(study, report_of):
    file, cells = study()
    finish_all(cells)
    report, text = report_of(file)
    (dataset,) = report["datasets"]
    values = {row["name"]: row["values"]["recall@5"] for row in dataset["rows"]}
    assert [(name, value["mean"], value["std"]) for name, value in values.items()] == [
        (BASE, 0.25, 0.0), (CONTROL, 0.375, 0.0), (TUNED, 0.5, 0.0)
    ]  # fmt: skip
    gain = pair(dataset["comparisons"], TUNED, BASE)
    assert (gain["differences"], gain["mean"], gain["up"], gain["relative"]) == (
        {"999": 0.25, "1000": 0.25},
        0.25,
        2,
        1,
    )
    assert gain["margin"] == pytest.approx(1.959964 * np.sqrt(1 / 48))
    (share,) = dataset["shares"]
    assert (share["gain"], share["control_gain"], share["share"], share["own"]["mean"]) == (0.25, 0.125, 0.5, 0.125)
    assert "All 6 runs have finished" in text and "| tuned − base | +100.0 |" in text and "| 50 % |" in text


def test_p_values_are_scipy_s_of_the_users_means_and_adjusted_over_the_whole_study(study, report_of):
    lower = {name: [[1 - x for x in seed] for seed in seeds] for name, seeds in USERS.items()}
    file, cells = study(datasets=["toy", "toy2"])
    finish_all(cells)
    finish_all(cells, "toy2", lower)
    report, _ = report_of(file)
    comparisons = [each for dataset in report["datasets"] for each in dataset["comparisons"]]
    t_tests, wilcoxons = [], []
    for users in (USERS, lower):
        for other in (BASE, CONTROL):
            sides = [np.mean(users[name], 0) for name in (TUNED, other)]
            t_tests.append(stats.ttest_rel(*sides).pvalue)
            wilcoxons.append(stats.wilcoxon(*sides).pvalue)
    assert report["n_tests"] == 4
    assert [each["t_test"] for each in comparisons] == pytest.approx(t_tests)
    assert [each["wilcoxon"] for each in comparisons] == pytest.approx(wilcoxons)
    expected = np.maximum(holm(t_tests), holm(wilcoxons))
    assert [each["p"] for each in comparisons] == pytest.approx(expected)


def test_a_clear_loss_is_significant_too(study, report_of):
    rng = np.random.default_rng(0)
    users: dict[str, list] = {BASE: [], TUNED: []}
    for _ in range(2):
        base = rng.random(60)
        users[BASE].append(base.tolist())
        users[TUNED].append((base - 0.1 - 0.01 * rng.random(60)).tolist())
    file, cells = study(rows={BASE: ROWS[BASE], TUNED: {"model": "BPR", "reg_weight": 0.4, "against": BASE}})
    finish_all(cells, users=users)
    report, text = report_of(file)
    (loss,) = report["datasets"][0]["comparisons"]
    assert loss["mean"] < -0.1 and loss["p"] < 1e-6 and loss["up"] == 0
    assert "†" in text.partition("## toy")[0]


def test_an_unfinished_study_says_what_is_missing_and_pairs_the_seeds_that_both_have(study, report_of):
    file, cells = study()
    for place in [("toy", BASE, 999), ("toy", BASE, 1000), ("toy", TUNED, 1000)]:
        finish(cells[place], {"recall@5": USERS[place[1]][place[2] - 999]})
    report, text = report_of(file)
    (dataset,) = report["datasets"]
    assert [(each["row"], each["seed"], each["status"]) for each in dataset["missing"]] == [
        (CONTROL, 999, "not begun"), (CONTROL, 1000, "not begun"), (TUNED, 999, "not begun")
    ]  # fmt: skip
    assert pair(dataset["comparisons"], TUNED, BASE)["differences"] == {"1000": 0.25}
    assert "INCOMPLETE: 3 of 6 runs" in text and "- toy, tuned, seed 999: not begun" in text
    assert "| tuned | 1 | **0.5000** |" in text


def test_new_items_are_told_apart_and_are_in_no_mean_over_data_sets(study, report_of):
    new = {"new": {"dataset": "toy", "new_items": 0.1}}
    file, cells = study(datasets=["toy", new])
    finish_all(cells)
    for name, seeds in USERS.items():
        for seed, values in zip((999, 1000), seeds):
            finish(cells["new", name, seed], {"recall@5": values, "new/recall@5": [1.0, 0.0]})
    report, text = report_of(file)
    _, dataset = report["datasets"]
    assert pair(dataset["comparisons"], TUNED, BASE, ranking="")["relative"] == 1
    assert pair(dataset["comparisons"], TUNED, BASE, ranking="new")["relative"] == 0
    assert "### new items among themselves" in text and "| rows | toy | new | new: new |" in text


def test_what_is_trained_counts_what_the_model_says_it_trains_besides(study, report_of):
    file, cells = study(seeds=1)
    finish(cells["toy", BASE, 999], {"recall@5": [1, 0]}, {"peft parameters": 100, "s/epoch": 0.5})
    report, text = report_of(file)
    (row,) = report["datasets"][0]["rows"]
    assert row["trained"]["mean"] == 3 * 2 + 2 + 100 and row["columns"]["s/epoch"] == 0.5
    assert "1 m 0 s" in text


def test_without_models_the_report_says_why_there_are_no_gains_by_popularity(study, report_of):
    file, cells = study()
    finish_all(cells)
    report, text = report_of(file)
    (dataset,) = report["datasets"]
    assert dataset["popularity"] == [] and "kept no model" in text


def test_thirds_by_popularity():
    taken, users = np.array([1, 1, 2, 2, 9, 9]), np.array([0, 1, 0, 1, 0, 1])

    def side(*place):
        return TestPlaces(users, np.arange(6), taken, np.array(place))

    before, after = side(0, 3, 1, 0, 1, 1), side(2, 1, 1, 0, 0, 1)
    groups = popularity_groups([(after, before)], k=2)
    assert [(g.fewest, g.most, g.n_pairs) for g in groups] == [(1, 1, 2), (2, 2, 2), (9, 9, 2)]
    assert [(g.share, g.other_share, g.difference) for g in groups] == [(1, 0, 1), (0.5, 0.5, 0), (0.5, 1, -0.5)]
    assert groups[2].margin == pytest.approx(1.959964 * 0.5)
    elsewhere = TestPlaces(users, np.arange(6) + 1, taken, before.place)
    assert popularity_groups([(after, elsewhere)], k=2) == []


def test_a_gain_over_next_to_nothing_has_no_percentage(study, report_of):
    file, cells = study()
    nothing = [[0.0, 0.0, 0.0, 0.004] for _ in range(2)]  # 0.001 on average
    finish_all(cells, users={**USERS, BASE: nothing})
    (dataset,) = report_of(file)[0]["datasets"]
    gain = pair(dataset["comparisons"], TUNED, BASE)
    assert gain["relative"] is None and gain["mean"] == pytest.approx(0.499)
