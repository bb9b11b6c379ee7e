"""Teachers beside the base: trained in runs of their own, found again, and refused before anything is trained."""

from __future__ import annotations

import json
import logging
from pathlib import Path

import pytest

from mmrec_host.config import load_config
from mmrec_host.errors import ConfigError
from mmrec_host.quick_start import quick_start
from mmrec_host.runs.build import build
from ptmrec_plugin.stage2 import phase
from ptmrec_plugin.stage2.base_run import run_config
from ptmrec_plugin.stage2.teacher_runs import teacher_names, teacher_values

QUICK = {"stage2_epochs": 2, "pool_size": 16, "learning_rate": 0.01, "mode": "frozen_kt", "kt_teacher": ["base", "BPR"]}


def runs_of(keys: dict) -> dict[str, list[dict]]:
    """What run.json says of each run of a model, oldest first."""
    found: dict[str, list[dict]] = {}
    records = [json.loads(file.read_text()) for file in Path(keys["run_path"]).glob("*/*/run.json")]
    for info in sorted(records, key=lambda info: info["started"]):
        found.setdefault(info["model"], []).append(info)
    return found


def test_a_teacher_is_a_run_of_its_own_and_is_not_trained_twice(toy_keys):
    first = quick_start("PTMRec", "toy", {**toy_keys, **QUICK})
    (teacher,) = runs_of(toy_keys)["BPR"]
    assert teacher["status"] == "finished" and teacher["seed"] == first.record.info["seed"]
    again = quick_start("PTMRec", "toy", {**toy_keys, **QUICK})
    assert len(runs_of(toy_keys)["BPR"]) == 1 and len(runs_of(toy_keys)["PTMRec"]) == 2
    assert again.test == first.test  # a teacher that was found teaches as one that was trained
    quick_start("PTMRec", "toy", {**toy_keys, **QUICK, "seed": 5})
    assert [each["seed"] for each in runs_of(toy_keys)["BPR"]] == [first.record.info["seed"], 5]


def test_stage_one_is_that_of_a_run_without_teachers(toy_keys):
    """Their training leaves the random states alone: FREEDOM draws its edges from the global one."""
    keys = {**toy_keys, **QUICK, "base": "FREEDOM"}
    lines = []
    for teachers in (["base"], ["base", "BPR"]):
        result = quick_start("PTMRec", "toy", {**keys, "kt_teacher": teachers})
        logged = (result.record.path / "epochs.jsonl").read_text().splitlines()
        lines.append([line["loss"] for line in map(json.loads, logged) if line["phase"] == "stage1"])
    assert lines[0] == lines[1] and lines[0]


def test_a_teacher_has_the_words_that_every_model_knows_and_none_of_the_base(toy_keys):
    keys = {**toy_keys, **QUICK, "reg_weight": 0.5, "seed": 7}
    config = build(load_config("PTMRec", "toy", overrides=keys))[2].config
    teacher = run_config("FREEDOM", teacher_values(config), config)
    assert (teacher["epochs"], teacher["learning_rate"], teacher["seed"]) == (3, 0.01, 7)
    assert teacher["reg_weight"] == load_config("FREEDOM", "toy", overrides=toy_keys)["reg_weight"] != 0.5


def test_the_base_s_own_name_is_the_base(toy_keys):
    config = load_config("PTMRec", "toy", overrides={**toy_keys, "kt_teacher": ["VBPR", "base", "BPR", "VBPR"]})
    assert teacher_names(config) == ["base", "BPR"]
    assert teacher_names(config.replaced(kt_teacher="BPR")) == ["BPR"]


@pytest.mark.parametrize(
    ("keys", "message"),
    [
        ({"kt_teacher": ["base", "PTMRec"]}, "cannot teach itself"),
        ({"kt_teacher": ["FREEDON"]}, "did you mean 'FREEDOM'"),
        ({"kt_teacher": []}, "kt_teacher=.*: must be name .* list of names"),
        ({"kt_teacher": 3}, "kt_teacher=3: must be name .* list of names"),
        ({"kt_student": "half"}, "score, modality"),
    ],
)
def test_what_cannot_teach_is_said_before_anything_is_trained(toy_keys, keys, message):
    with pytest.raises(ConfigError, match=message):
        quick_start("PTMRec", "toy", {**toy_keys, **QUICK, **keys})
    assert "BPR" not in runs_of(toy_keys)


def test_a_teacher_and_a_stage_one_of_another_split_are_trained_anew(toy_keys, raw_data, caplog):
    quick_start("PTMRec", "toy", {**toy_keys, **QUICK})
    file = raw_data / "toy" / "toy.inter"
    rows = file.read_text().splitlines()
    file.write_text("\n".join([rows[0], *rows[2:]]) + "\n")
    caplog.set_level(logging.INFO)
    for n_runs in (2, 2):  # the second one finds what the first one has trained
        quick_start("PTMRec", "toy", {**toy_keys, **QUICK})
        for model in ("VBPR", "BPR"):
            assert f"{model} is trained anew" in caplog.text
            assert len(runs_of(toy_keys)[model]) == n_runs
    splits = [info["protocol"]["split"] for info in runs_of(toy_keys)["BPR"]]
    assert splits[0] != splits[1] == runs_of(toy_keys)["PTMRec"][-1]["protocol"]["split"]


def test_a_teacher_that_is_asked_for_too_is_run_once(toy_keys, ptmrec):
    words = [f"{key}={json.dumps(value)}" for key, value in {**toy_keys, "learning_rate": 0.01}.items()]
    own = [f"PTMRec.{key}={json.dumps(QUICK[key])}" for key in ("stage2_epochs", "pool_size", "mode", "kt_teacher")]
    for n_runs in (1, 2):  # a later command makes its own
        code, printed, _ = ptmrec("-q", "-m", "PTMRec", "BPR", "-d", "toy", *words, *own)
        assert code == 0 and printed.count("BPR") >= 1
        assert len(runs_of(toy_keys)["BPR"]) == n_runs


def test_teachers_are_compared_by_what_they_teach_whatever_selects(toy_keys, monkeypatch):
    """New items are in no pool: the ranking of the others says how good a teacher is, for the base as for others."""
    compared = []
    monkeypatch.setattr(phase, "good_enough", lambda trained: compared.extend(trained) or trained)
    new_items = {"new_items": 0.2, "selection": "new", "topk": [2], "valid_metric": "Recall@2"}
    result = quick_start("PTMRec", "toy", {**toy_keys, **QUICK, **new_items})
    stage1 = [line["valid"] for line in result.record.epochs() if line["phase"] == "stage1"]
    best = max(stage1, key=lambda valid: valid["new/recall@2"])
    (bpr,) = runs_of(toy_keys)["BPR"]
    assert [each.name for each in compared] == ["VBPR", "BPR"]
    assert [each.score for each in compared] == [best["recall@2"], bpr["best"]["valid"]["recall@2"]]
