"""What version 0.1 left on disk is read, shown and gone on with; `make.py` says how the artefacts were made."""

from __future__ import annotations

import csv
import io
import json
import sys
import tarfile
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
from make import ARCHIVE, TWO_STAGE
from safetensors.torch import load_file
from torch import nn

from mmrec_host.evaluation.evaluator import evaluate
from mmrec_host.evaluation.options import EvaluationOptions
from mmrec_host.quick_start import quick_start
from mmrec_host.runs.finished_run import open_run
from mmrec_host.runs.record import RunRecord
from ptmrec_plugin.encoders.dual import DualEncoder
from ptmrec_plugin.peft.trial import N_ITEMS

QUICK = {"encoder": "tiny", "epochs": 1, "topk": [5], "valid_metric": "Recall@5", "device": "cpu", "progress": False}
# As version 0.1 had it: keys that are new since, or that have another default now.
SINCE = ["kt_teacher=[base]", "kt_student=modality", "kt_features=new_items", "stage2_eval_step=1"]
SINCE += [
    "mini_community=2.5",
    "mini_popularity=0.3",
    "new_items=0",
    "selection=warm",
    "metrics=[Recall,NDCG,Precision,MAP]",
    "reg_weight=1.0",
]
STUB = """# Written by `ptmrec install`, removed by `ptmrec uninstall`. Without this line the file is yours.
from ptmrec_plugin.in_mmrec import ptmrec_class

PTMRec = ptmrec_class()
"""


@pytest.fixture
def old(tmp_path, monkeypatch):
    """The artefacts as the current folder; nothing may be encoded there, since all features are in the cache."""
    with tarfile.open(ARCHIVE) as archive:
        archive.extractall(tmp_path, filter="data")
    monkeypatch.chdir(tmp_path)
    states = DualEncoder.states

    def made_up_items_alone(self, modality, inputs, first):
        """Encoders and variants are tried on two items of their own."""
        assert len(inputs) <= N_ITEMS, "an item is encoded, although the cache has it"
        return states(self, modality, inputs, first)

    monkeypatch.setattr(DualEncoder, "states", made_up_items_alone)
    return tmp_path


def the_run(model: str, root: str = "runs") -> RunRecord:
    (folder,) = Path(root).glob(f"mini/{model}-*")
    return RunRecord.load(folder)


@pytest.mark.parametrize("model", ["PTMRec", "FREEDOM"])
def test_a_finished_run_scores_as_it_did(old, model):
    record = the_run(model)
    run = open_run(record.path)
    test = evaluate(run.model, run.dataset.splits.test, EvaluationOptions.from_config(run.config))
    stored = record.per_user()
    assert test.means == pytest.approx(record.info["test"])
    for metric, values in test.per_user.items():
        np.testing.assert_allclose(values, stored[metric], atol=1e-6)


def test_the_table_has_the_stored_numbers(old, ptmrec):
    metrics = ["ndcg@5", "recall@5"]
    code, printed, _ = ptmrec("table", "-d", "mini", "--format", "csv", "--metrics", ",".join(metrics))
    rows = {row["model"].split()[0]: row for row in csv.DictReader(io.StringIO(printed))}
    assert code == 0 and rows.keys() == {"PTMRec", "FREEDOM"}
    for model, row in rows.items():
        test = the_run(model).info["test"]
        assert {metric: float(row[metric]) for metric in metrics} == pytest.approx({m: test[m] for m in metrics})


def test_two_runs_are_shown_side_by_side(old, ptmrec):
    sides = ["--run", the_run("FREEDOM").path, "--run", the_run("PTMRec").path]
    code, *_ = ptmrec("show", *sides, "--output", "page.html")
    page = Path("page.html").read_text()
    assert code == 0
    for model in ("FREEDOM", "PTMRec"):
        assert f"{the_run(model).info['test']['ndcg@5']:.4f}" in page


def test_recommendations_are_the_same(old, ptmrec):
    code, *_ = ptmrec("recommend", "--run", the_run("PTMRec").path, "--all-users", "-k", 5, "--output", "now.jsonl")
    then, now = ([json.loads(line) for line in Path(f"{n}.jsonl").open()] for n in ("recommended", "now"))
    assert code == 0 and len(now) == len(then) == 24
    for before, after in zip(then, now):
        scores = [[item.pop("score") for item in line["items"]] for line in (before, after)]
        assert after == before
        assert scores[1] == pytest.approx(scores[0], abs=1e-5)


def test_a_new_item_is_placed(old, ptmrec, monkeypatch):
    monkeypatch.undo()  # a new item must be encoded
    monkeypatch.chdir(old)
    code, printed, _ = ptmrec("recommend", "--run", the_run("PTMRec").path, "--text", "a mug", "-k", 3, "--json")
    assert code == 0 and len(json.loads(printed.splitlines()[0])["items"]) == 3


def test_the_adapter_is_exported_and_its_features_are_those_of_then(old, ptmrec):
    run = the_run("PTMRec").path
    assert ptmrec("export", "adapter", "--run", run, "--to", "adapter")[0] == 0
    file = "adapter_model.safetensors"
    then, now = load_file(run / "adapter" / file), load_file(Path("adapter") / file)
    assert then.keys() == now.keys() and all(now[name].equal(then[name]) for name in then)
    assert ptmrec("export", "features", "--run", run, "--to", "now")[0] == 0
    for name in ("image_feat.npy", "text_feat.npy"):
        np.testing.assert_allclose(np.load(Path("now") / name), np.load(Path("exported") / name), atol=1e-6)


@pytest.mark.parametrize("stage", ["stage1", "stage2"])
def test_a_killed_run_goes_on_and_ends_as_the_uninterrupted_one_did(old, ptmrec, stage):
    root = f"killed_in_{stage}"
    began = the_run("PTMRec", root)
    assert began.info["status"] == "running"
    code, *_ = ptmrec(*TWO_STAGE, *SINCE, "--resume", f"run_path={root}")
    assert code == 0 and f"going on after epoch 1 of {stage}" in (began.path / "log.txt").read_text()
    ended, whole = the_run("PTMRec", root), the_run("PTMRec")
    assert ended.path == began.path and ended.info["status"] == "finished"
    for said_of in ("best", "test"):
        assert numbers(ended.info[said_of]) == pytest.approx(numbers(whole.info[said_of]))
    losses = [{(e["phase"], e["epoch"]): e["loss"] for e in record.epochs()} for record in (ended, whole)]
    assert numbers(losses[0]) == pytest.approx(numbers(losses[1]), rel=1e-4)


def numbers(tree: dict, at: str = "") -> dict[str, object]:
    """The leaves of nested dictionaries, by their path."""
    flat: dict[str, object] = {}
    for key, value in tree.items():
        flat |= numbers(value, f"{at}/{key}") if isinstance(value, dict) else {f"{at}/{key}": value}
    return flat


def test_a_finished_run_is_not_run_again(old, ptmrec):
    code, *_ = ptmrec(*TWO_STAGE, *SINCE, "--resume")
    assert code == 0 and the_run("PTMRec").info["status"] == "finished"


def test_other_models_read_the_same_features_from_the_cache(old):
    sizes = {"mini_users": 24, "mini_items": 16, "mini_purchases": [5, 7], "new_items": 0}
    sizes |= {"mini_community": 2.5, "mini_popularity": 0.3}
    result = quick_start("VBPR", "mini", {**QUICK, **sizes})
    assert result.record.info["features"] == the_run("FREEDOM").info["features"]


def test_a_prepared_dataset_is_accepted_with_its_pictures(old, monkeypatch):
    monkeypatch.undo()  # it was never encoded
    monkeypatch.chdir(old)
    result = quick_start("VBPR", "shop", QUICK)
    assert (result.model.n_users, result.model.n_items) == (20, 12)
    report = json.loads(Path("cache/shop/content_report.json").read_text())
    assert report["missing_images"] == []


def test_the_stub_in_a_checkout_still_finds_its_class(tmp_path, monkeypatch):
    for part in ("main.py", "common/abstract_recommender.py", "utils/quick_start.py", "configs/overall.yaml"):
        (tmp_path / "src" / part).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "src" / part).touch()
    for folder in ("configs/model", "models"):
        (tmp_path / "src" / folder).mkdir(parents=True)
    base = ModuleType("common.abstract_recommender")
    base.__file__ = str(tmp_path / "src/common/abstract_recommender.py")
    base.GeneralRecommender = nn.Module
    monkeypatch.setitem(sys.modules, "common", ModuleType("common"))
    monkeypatch.setitem(sys.modules, "common.abstract_recommender", base)
    names: dict[str, type] = {}
    exec(STUB, names)
    assert issubclass(names["PTMRec"], nn.Module) and hasattr(names["PTMRec"], "full_sort_predict")
