"""What evaluation and training are told by the configuration, and what is refused before anything is read."""

from __future__ import annotations

import pytest
import torch

from mmrec_host.config import Config, load_config
from mmrec_host.errors import ConfigError
from mmrec_host.evaluation.options import EvaluationOptions
from mmrec_host.quick_start import quick_start
from mmrec_host.searching.grid import grid_search
from mmrec_host.training.options import TrainingOptions


def config(**changes: object) -> Config:
    keys = {"model": "BPR", "metrics": ["Recall", "NDCG", "recall"], "topk": [20, 5, 20], "valid_metric": "NDCG@20"}
    return Config({**keys, "eval_batch_size": 7, "device": "cpu", "learner": "adam", **changes})


def test_evaluation_options_are_in_small_letters_ascending_and_each_once() -> None:
    options = EvaluationOptions.from_config(config())
    assert options == EvaluationOptions(("recall", "ndcg"), (5, 20), "ndcg@20", 7, torch.device("cpu"))
    assert options.names() == ["recall@5", "recall@20", "ndcg@5", "ndcg@20"]


def test_a_single_metric_and_cutoff_need_no_list() -> None:
    options = EvaluationOptions.from_config(config(metrics="NDCG", topk=20))
    assert options.names() == ["ndcg@20"]


@pytest.mark.parametrize("topk", [0, [5, -1], [], "20", 2.5, True, None])
def test_bad_cutoffs_are_refused(topk: object) -> None:
    with pytest.raises(ConfigError, match="topk must be a positive integer"):
        EvaluationOptions.from_config(config(topk=topk))


@pytest.mark.parametrize(
    ("metrics", "message"), [([], "metrics is empty"), (None, "metrics is empty"), (["Recal"], "did you mean 'recall'")]
)
def test_bad_metrics_are_refused(metrics: object, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        EvaluationOptions.from_config(config(metrics=metrics))


@pytest.mark.parametrize("name", ["NDCG@10", "NDCG", "MAP@20", None])
def test_a_valid_metric_that_is_not_computed_is_refused_with_those_that_are(name: object) -> None:
    with pytest.raises(ConfigError, match="valid_metric=.*: not computed; known: recall@5, recall@20, ndcg@5, ndcg@20"):
        EvaluationOptions.from_config(config(valid_metric=name))


def test_training_options_read_mmrecs_forms() -> None:
    plain = TrainingOptions.from_config(config())
    assert plain.weight_decay == 0 and plain.schedule == (1.0, 1) and plain.clipping is None
    assert TrainingOptions.from_config(config(clip_grad_norm=5)).clipping == {"max_norm": 5}
    mapping = {"max_norm": 5, "norm_type": 1}
    assert TrainingOptions.from_config(config(clip_grad_norm=mapping)).clipping == mapping


@pytest.mark.parametrize(
    "key, value",
    [
        ("weight_decay", -0.1),
        ("learning_rate_scheduler", [0.9]),
        ("learning_rate_scheduler", [0.9, 0]),
        ("learning_rate_scheduler", ["a", "b"]),
        ("clip_grad_norm", "small"),
        ("clip_grad_norm", -1),
        ("clip_grad_norm", {"norm": 5}),
        ("clip_grad_norm", {"max_norm": 5, "norm": 2}),
    ],
)
def test_values_that_torch_would_fail_on_are_refused(key: str, value: object) -> None:
    with pytest.raises(ConfigError, match=f"{key}=.*must be"):
        TrainingOptions.from_config(config(**{key: value}))


def test_all_errors_are_reported_together() -> None:
    wrong = config(metrics=["Recal", "NDGC"], topk=0, device="tpu9", weight_decay=-1.0, clip_grad_norm="small")
    with pytest.raises(ConfigError) as error:
        TrainingOptions.from_config(wrong)
    lines = str(error.value).splitlines()
    starts = ["unknown metric 'recal'", "unknown metric 'ndgc'", "topk", "device", "weight_decay", "clip_grad_norm"]
    assert len(lines) == len(starts) and all(line.startswith(start) for line, start in zip(lines, starts))


def test_a_run_and_a_search_are_refused_before_anything_is_read_or_written(toy_keys, tmp_path) -> None:
    keys = {**toy_keys, "data_path": str(tmp_path / "nothing here"), "valid_metric": "Recall@7"}
    with pytest.raises(ConfigError, match="valid_metric=Recall@7"):
        quick_start("BPR", "toy", keys)
    with pytest.raises(ConfigError, match="valid_metric=Recall@7"):
        grid_search(load_config("BPR", "toy", overrides=keys))
    assert not (tmp_path / "runs").exists()
