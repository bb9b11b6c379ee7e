"""`ptmrec export ranking`: other programs compute this project's metrics from it."""

from __future__ import annotations

import csv
from collections import defaultdict
from pathlib import Path

import numpy as np
import pytest
import pytrec_eval
from raw_dataset import N_USERS

from mmrec_host.quick_start import quick_start
from mmrec_host.runs.record import RunRecord
from ptmrec_plugin.export.ranking import strictly_falling

MEASURES = {"recall": "recall", "ndcg": "ndcg_cut", "precision": "P"}


def read_trec(folder: Path, name: str = "") -> tuple[dict, dict]:
    run: dict[str, dict[str, float]] = defaultdict(dict)
    relevant: dict[str, dict[str, int]] = defaultdict(dict)
    for user, _, item, _, score, _ in map(str.split, (folder / f"{name}run.trec").read_text().splitlines()):
        run[user][item] = float(score)
    for user, _, item, grade in map(str.split, (folder / f"{name}qrels.trec").read_text().splitlines()):
        relevant[user][item] = int(grade)
    return run, relevant


def by_trec_eval(run: dict, relevant: dict, measure: str, k: int) -> dict[int, float]:
    found = pytrec_eval.RelevanceEvaluator(relevant, {f"{measure}.{k}"}).evaluate(run)
    return {int(user): values[f"{measure}_{k}"] for user, values in found.items()}


@pytest.mark.parametrize("name", ["BPR", "tuned"])
def test_trec_eval_computes_this_project_s_metrics_from_it(name, finished, ptmrec, tmp_path):
    assert ptmrec("export", "ranking", "--run", finished(name), "--to", tmp_path)[0] == 0
    run, relevant = read_trec(tmp_path)
    recorded = RunRecord.load(finished(name)).per_user()
    for metric, measure in MEASURES.items():
        for k in (5, 10, 20):
            found = by_trec_eval(run, relevant, measure, k)
            ours = dict(zip(recorded["users"].tolist(), recorded[f"{metric}@{k}"].tolist()))
            assert found == pytest.approx(ours, abs=1e-6), f"{metric}@{k}"


def test_ranx_computes_the_same_means(finished, ptmrec, tmp_path):
    ranx = pytest.importorskip("ranx")
    assert ptmrec("export", "ranking", "--run", finished("BPR"), "--to", tmp_path)[0] == 0
    relevant = ranx.Qrels.from_file(str(tmp_path / "qrels.trec"), kind="trec")
    run = ranx.Run.from_file(str(tmp_path / "run.trec"), kind="trec")
    found = ranx.evaluate(relevant, run, ["recall@10", "ndcg@10", "precision@10"])
    test = RunRecord.load(finished("BPR")).info["test"]
    assert found == pytest.approx({name: test[name] for name in found}, abs=1e-6)


def test_tied_scores_are_written_in_the_order_that_was_scored(toy_keys, ptmrec, tmp_path):
    """By popularity many items are alike; trec_eval would sort them by name."""
    done = quick_start("Pop", "toy", toy_keys)
    places = [f"{key}={toy_keys[key]}" for key in ("data_path", "cache_path")]
    assert done.record.info["ties"]["20"] > 0.5
    assert ptmrec("export", "ranking", "--run", done.record.path, "--to", tmp_path / "to", *places)[0] == 0
    run, relevant = read_trec(tmp_path / "to")
    assert all(np.diff(np.float32(list(scores.values()))).max() < 0 for scores in run.values())
    found = by_trec_eval(run, relevant, "ndcg_cut", 20)
    assert np.mean(list(found.values())) == pytest.approx(done.test["ndcg@20"], abs=1e-6)


def test_a_score_moves_only_where_it_does_not_fall():
    scores = np.float32([[3, 2, 2, 2, 1], [0, 0, -1e-45, -1, -2]])
    falling = strictly_falling(scores)
    assert (np.diff(falling) < 0).all() and falling[0, [0, 1, 4]].tolist() == [3, 2, 1]
    np.testing.assert_allclose(falling, scores, rtol=1e-6, atol=1e-44)
    distinct = np.sort(np.random.default_rng(0).normal(size=(3, 9)).astype(np.float32))[:, ::-1]
    np.testing.assert_array_equal(strictly_falling(distinct), distinct)


def test_new_items_have_rankings_of_their_own(toy_keys, ptmrec, tmp_path):
    done = quick_start("VBPR", "toy", {**toy_keys, "new_items": 0.3, "topk": [3], "valid_metric": "Recall@3"})
    places = [f"{key}={toy_keys[key]}" for key in ("data_path", "cache_path")]
    assert ptmrec("export", "ranking", "--run", done.record.path, "--to", tmp_path / "to", *places)[0] == 0
    for ranking in ("", "new/"):
        found = by_trec_eval(*read_trec(tmp_path / "to", ranking.replace("/", "_")), "recall", 3)
        assert np.mean(list(found.values())) == pytest.approx(done.test[f"{ranking}recall@3"], abs=1e-6)


def test_parquet_and_csv_have_places_ids_and_the_users_metrics(finished, ptmrec, tmp_path):
    parquet = pytest.importorskip("pyarrow.parquet")
    words = ["export", "ranking", "--run", finished("BPR"), "--to", tmp_path]
    assert ptmrec(*words)[0] == ptmrec(*words, "--format", "parquet")[0] == 0
    run, _ = read_trec(tmp_path)
    rows = parquet.read_table(tmp_path / "ranking.parquet").to_pylist()
    by_pair = {(str(row["user"]), str(row["item"])): np.float32(row["score"]) for row in rows}
    assert by_pair == {(user, item): np.float32(run[user][item]) for user in run for item in run[user]}
    assert rows[0]["user_id"] == f"U{rows[0]['user']}" and rows[0]["item_id"] == str(rows[0]["item"] + 1)
    assert [row["rank"] for row in rows[:20]] == list(range(1, 21))
    recorded = RunRecord.load(finished("BPR")).per_user()
    with (tmp_path / "per_user.csv").open() as file:
        by_csv = list(csv.DictReader(file))
    by_parquet = parquet.read_table(tmp_path / "per_user.parquet").to_pydict()
    assert len(by_csv) == len(recorded["users"]) <= N_USERS
    for metric in ("recall@5", "ndcg@20"):
        assert [float(row[metric]) for row in by_csv] == by_parquet[metric] == recorded[metric].tolist()


def test_a_format_of_something_else_is_refused(finished, ptmrec, tmp_path):
    for what, format, said in (("ranking", "npy", "trec or parquet"), ("adapter", "trec", "leave --format out")):
        code, _, err = ptmrec("export", what, "--run", finished("tuned"), "--to", tmp_path, "--format", format)
        assert code == 2 and said in err
