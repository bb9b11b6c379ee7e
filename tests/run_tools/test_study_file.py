"""A study's file: what it may say, and all that is wrong with one before anything is trained."""

from __future__ import annotations

import pytest
import yaml

from mmrec_host.config_layers import known_yamls
from mmrec_host.errors import ConfigError
from run_tools.study.cells import in_order, make_cells
from run_tools.study.study_file import read_study

ROWS = {"BPR": {"model": "BPR"}, "VBPR": {"model": "VBPR", "against": "BPR"}}


@pytest.fixture
def written(tmp_path, monkeypatch):
    """Writes a study's file: what it says, or its text -> its path."""
    monkeypatch.chdir(tmp_path)

    def write(said):
        file = tmp_path / "study.yaml"
        whole = {"datasets": ["toy"], "rows": ROWS, "metrics": ["recall@20"]}
        file.write_text(said if isinstance(said, str) else yaml.safe_dump({**whole, **said}, sort_keys=False))
        return str(file)

    return write


@pytest.mark.parametrize(
    "said, messages",
    [
        ({"dataset": ["toy"]}, ["unknown key 'dataset', did you mean 'datasets'?"]),
        ({"datasets": []}, ["datasets: must be a list of names"]),
        ({"datasets": ["toy", {"toy": {"epochs": 3}}]}, ["'toy' stands there twice"]),
        ({"datasets": [3]}, ["datasets: must be a list of names"]),
        ({"seeds": 0}, ["seeds: 0 must be a whole number, 1 or more"]),
        ({"seeds": True}, ["seeds: true must be"]),
        ({"keys": [1]}, ["keys: must be a mapping"]),
        ({"metrics": []}, ["metrics: must be a list"]),
        ({"metrics": ["recall@7"]}, ["metrics: 'recall@7' is not computed", "(and 1 more)"]),
        ({"rows": {}}, ["rows: must be a mapping"]),
        ({"rows": {"BPR": {"epochs": 3}}}, ["rows, BPR: must say a model"]),
        ({"rows": {"B": {"model": "BPRX"}}}, ["B on toy: unknown model 'BPRX', did you mean 'BPR'?"]),
        ({"rows": {"B": {"model": "BPR", "against": ["C"]}}}, ["against names 'C', which is no other row"]),
        ({"rows": {**ROWS, "B": {"model": "BPR", "against": ["BRP"]}}}, ["no other row, did you mean 'BPR'?"]),
        ({"rows": {"B": {"model": "BPR", "against": ["B"]}}}, ["against names 'B', which is no other row"]),
        ({"rows": {**ROWS, "B": {"model": "VBPR", "control": "BPR"}}}, ["control needs `against`"]),
        ({"rows": {"B": {"model": "BPR", "epoch": 3}}}, ["B on toy: unknown key 'epoch', did you mean 'epochs'?"]),
        ({"keys": {"peft": "lora"}}, ["BPR on toy (and 1 more): unknown key 'peft'"]),
        ({"rows": {**ROWS, "B": {"model": "BPR"}}}, ["'BPR' and 'B' have the same settings on toy"]),
        ({"rows": {"P": {"model": "PTMRec", "peft": "lorra"}}}, ["peft='lorra' is unknown, did you mean 'lora'?"]),
        ("rows:\n  A: {model: BPR}\n  A: {model: VBPR}\n", ["'A' stands there twice (line 2"]),
        ("rows: [", ["is no YAML value"]),
        ("- a\n", ["must hold `key: value` lines"]),
    ],
)
def test_what_is_wrong_is_said_and_nothing_is_made(said, messages, written, ptmrec, tmp_path):
    code, out, errors = ptmrec("study", written(said))
    assert code == 2 and not out
    assert all(message in errors for message in messages), errors
    assert not (tmp_path / "runs").exists() and not (tmp_path / "studies").exists()


def test_all_errors_come_at_once(written, ptmrec):
    rows = {"B": {"model": "BPRX"}, "V": {"model": "VBPR", "epochs": 0}, "W": {"model": "VBPR", "epochs": "x"}}
    _, _, errors = ptmrec("study", written({"rows": rows}))
    assert all(word in errors for word in ("BPRX", "epochs=0", "epochs=x"))


def test_data_sets_that_are_not_there_are_named_together(written, ptmrec):
    code, _, errors = ptmrec("study", written({"datasets": ["nowhere", "elsewhere"]}))
    assert code == 2 and "nowhere: dataset 'nowhere'" in errors and "elsewhere: dataset 'elsewhere'" in errors


def test_a_study_that_is_not_there(ptmrec):
    code, _, errors = ptmrec("study", "minni")
    assert code == 2 and "did you mean 'mini'?" in errors and "Shipped: gains, mini" in errors


@pytest.mark.parametrize("words", [["--jobs", "0"], ["--jobs", "x"], ["--seeds", "0"], ["epoch=3"], ["BPRX.epochs=3"]])
def test_bad_words(words, written, ptmrec):
    assert ptmrec("study", written({}), *words)[0] == 2


def test_a_report_needs_a_run(written, ptmrec):
    code, _, errors = ptmrec("study", written({}), "--report-only")
    assert code == 2 and "none of its 2 cells has finished" in errors


def test_the_later_of_file_data_set_row_and_command_line_wins(written):
    rows = {"BPR": {"model": "BPR"}, "VBPR": {"model": "VBPR", "epochs": 4}}
    sets = ["toy", {"short": {"dataset": "toy", "epochs": 3, "learning_rate": 0.5}}]
    study = read_study(written({"keys": {"epochs": 2, "seed": 5}, "datasets": sets, "rows": rows}))
    cells = {cell.place: cell.config for cell in make_cells(study, {None: {"learning_rate": 0.25}}, 2)}
    epochs = {place: config["epochs"] for place, config in cells.items() if place[2] == 5}
    assert list(epochs.values()) == [2, 4, 3, 4] and {seed for *_, seed in cells} == {5, 6}
    assert {config["learning_rate"] for config in cells.values()} == {0.25}
    assert cells["short", "BPR", 6]["dataset"] == "toy" and cells["short", "BPR", 6]["seed"] == 6


def test_what_models_build_on_is_run_before_them_and_whole_seeds_first(written):
    rows = {"PTMRec": {"model": "PTMRec"}, "VBPR": {"model": "VBPR"}}
    sets = ["toy", {"new": {"dataset": "toy", "new_items": 0.1}}, "other"]
    cells = in_order(make_cells(read_study(written({"datasets": sets, "rows": rows})), {}, 2))
    assert [cell.seed for cell in cells] == [999] * 6 + [1000] * 6
    assert [cell.row.name for cell in cells] == 2 * (["VBPR"] * 3 + ["PTMRec"] * 3)


@pytest.mark.parametrize("name", known_yamls("study"))
def test_shipped_studies_are_right(name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    study = read_study(name)
    assert study.about and len(make_cells(study, {}, study.n_seeds)) == (
        len(study.entries) * len(study.rows) * study.n_seeds
    )


def test_an_empty_file_says_what_it_lacks(written):
    with pytest.raises(ConfigError, match="datasets: must be a list.*\n.*rows: must be a mapping"):
        read_study(written("\n"))
