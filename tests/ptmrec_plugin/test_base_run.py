"""Stage 1 is a run of the base of its own, which other modes, variants and the base's own row share."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from mmrec_host.quick_start import quick_start
from mmrec_host.runs.record import RunRecord

KEYS = {"stage2_epochs": 2, "pool_size": 16, "learning_rate": 0.01, "kt_teacher": ["base"], "stage2_eval_step": 1}


def runs(keys: dict) -> list[RunRecord]:
    found = [RunRecord.load(file.parent) for file in Path(keys["run_path"]).glob("*/*/run.json")]
    return sorted(found, key=lambda run: run.info["started"])


def without_times(lines: list[dict]) -> list[dict]:
    times = ("seconds", "peak_memory_mb", "items_per_second", "phase")
    return [{k: v for k, v in line.items() if k not in times} for line in lines]


@pytest.mark.parametrize("base", ["VBPR", "LATTICE"])
def test_modes_and_variants_share_one_stage_one(toy_keys, base):
    alone = {}
    for number, own in enumerate([{"mode": "frozen_kt"}, {"peft": "lora"}, {"peft": "bitfit"}]):
        keys = {**toy_keys, **KEYS, "base": base, **own}
        elsewhere = {**keys, "run_path": f"{toy_keys['run_path']}/{number}"}
        alone[number] = quick_start("PTMRec", "toy", elsewhere)
        shared = quick_start("PTMRec", "toy", keys)
        assert shared.test == alone[number].test  # as with a stage 1 that was trained for it alone
        assert without_times(shared.record.epochs()) == without_times(alone[number].record.epochs())
    assert [run.info["model"] for run in runs(toy_keys)].count(base) == 1


def test_the_base_s_run_is_the_one_that_the_command_line_would_make(toy_keys):
    keys = {**toy_keys, **KEYS, "reg_weight": 0.5}
    tuned = quick_start("PTMRec", "toy", {**keys, "mode": "frozen"})
    (base,) = [run for run in runs(toy_keys) if run.info["model"] == "VBPR"]
    asked = {key: value for key, value in keys.items() if key in ("learning_rate", "reg_weight") or key in toy_keys}
    plain = quick_start("VBPR", "toy", {**asked, "run_path": f"{toy_keys['run_path']}/plain"})
    assert base.info["settings_sha"] == plain.record.info["settings_sha"]
    assert base.info["label"] == plain.record.info["label"]
    assert tuned.test == plain.test == base.info["test"]
    stage1 = [line for line in tuned.record.epochs() if line["phase"] == "stage1"]
    assert without_times(stage1) == without_times(plain.record.epochs())


def test_a_window_selects_in_a_stage_one_that_was_found_as_it_did_when_it_was_trained(toy_keys):
    keys = {**toy_keys, **KEYS, "mode": "frozen", "epochs": 12, "selection_window": 3}
    base = quick_start("VBPR", "toy", {k: v for k, v in keys.items() if k not in {*KEYS, "mode"} - {"learning_rate"}})
    found = quick_start("PTMRec", "toy", keys)
    assert [run.info["model"] for run in runs(toy_keys)].count("VBPR") == 1
    scores = [line["valid"]["recall@20"] for line in base.record.epochs()]
    means = [sum(scores[max(0, i - 2) : i + 1]) / len(scores[max(0, i - 2) : i + 1]) for i in range(len(scores))]
    assert found.record.info["best"]["epoch"] == base.record.info["best"]["epoch"] == 1 + means.index(max(means))
    assert found.record.info["best"]["epoch"] != 1 + scores.index(max(scores))  # or nothing would be seen here
    assert (found.test, found.valid) == (base.test, base.valid)


def test_what_stage_one_took_is_counted_where_it_was_found_too(toy_keys):
    first = quick_start("PTMRec", "toy", {**toy_keys, **KEYS, "mode": "frozen"})
    (base,) = [run for run in runs(toy_keys) if run.info["model"] == "VBPR"]
    info = json.loads((base.path / "run.json").read_text())
    info["seconds"] |= {"total": 1000.0, "train": 900.0}
    (base.path / "run.json").write_text(json.dumps(info))
    again = quick_start("PTMRec", "toy", {**toy_keys, **KEYS, "mode": "frozen", "resume": False})
    assert again.record.path != first.record.path
    seconds = again.record.info["seconds"]
    assert 1000 <= seconds["total"] < 1100 and 900 <= seconds["train"] < 1000
