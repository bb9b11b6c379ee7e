"""A finished run opened again scores as it did."""

from __future__ import annotations

from pathlib import Path

import pytest

from mmrec_host.config import load_config
from mmrec_host.errors import DataError
from mmrec_host.evaluation.evaluator import evaluate
from mmrec_host.evaluation.options import EvaluationOptions
from mmrec_host.quick_start import quick_start
from mmrec_host.runs.engine import run
from mmrec_host.runs.finished_run import open_run


@pytest.mark.parametrize("model", ["FREEDOM", "PTMRec"])
def test_an_opened_run_scores_the_test_split_as_it_did(model, toy_keys):
    done = quick_start(model, "toy", toy_keys)

    opened = open_run(done.record.path)

    options = EvaluationOptions.from_config(opened.config)
    assert evaluate(opened.model, opened.dataset.splits.test, options).means == done.test


def test_a_run_without_a_model_says_how_to_get_one(toy_keys):
    done = quick_start("BPR", "toy", toy_keys, save_model=False)

    with pytest.raises(DataError, match="save_model=true"):
        open_run(done.record.path)


def test_an_unfinished_run_says_how_to_go_on(toy_keys, monkeypatch):
    config = load_config("BPR", "toy", overrides={**toy_keys, "learner": "sgd"})
    monkeypatch.setattr("mmrec_host.runs.engine.evaluate", lambda *_: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        run(config)

    folder = next(path.parent for path in Path(toy_keys["run_path"]).rglob("run.json"))

    with pytest.raises(DataError, match="--resume"):
        open_run(folder)
