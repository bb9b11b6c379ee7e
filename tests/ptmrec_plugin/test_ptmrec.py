"""PTMRec end to end on a small raw dataset: stages, modes, what is saved, and what is refused."""

from __future__ import annotations

import json
import logging

import numpy as np
import pytest
import torch
from tuners import make_tuner

from mmrec_host.config import load_config
from mmrec_host.errors import ConfigError, DataError
from mmrec_host.models.base import MODELS
from mmrec_host.quick_start import quick_start
from mmrec_host.runs.build import build
from mmrec_host.training.options import TrainingOptions
from mmrec_host.training.trainer import Trainer
from ptmrec_plugin.modes import MODES
from ptmrec_plugin.peft.adalora import AdaLoraHandle
from ptmrec_plugin.stage2.transfer import RidgeScores

MODELS.get("PTMRec")
QUICK = {"stage2_epochs": 2, "joint_epochs": 2, "pool_size": 16, "tuning_learning_rate": 0.01, "learning_rate": 0.01}


def features_of(model, modality: str) -> tuple[torch.Tensor, torch.Tensor]:
    """The features that a PTMRec scores with, and the frozen ones."""
    return model.item_features()[modality], model.recommender.frozen[modality]


def epochs_of(result) -> list[dict]:
    return [json.loads(line) for line in (result.record.path / "epochs.jsonl").read_text().splitlines()]


@pytest.mark.parametrize("mode", sorted(MODES))
def test_every_mode_runs_and_logs_what_it_does(toy_keys, mode):
    result = quick_start("PTMRec", "toy", {**toy_keys, **QUICK, "mode": mode})
    lines = epochs_of(result)
    phases = list(dict.fromkeys(line["phase"] for line in lines))
    second = {"frozen": [], "joint": ["joint"], "joint_kt": ["joint"]}.get(mode, ["stage2"])
    assert phases == ([] if mode == "joint" else ["stage1"]) + second
    last = lines[-1]
    assert ("transfer_score" in last["loss"]) == MODES[mode].transfer
    assert last["peak_memory_mb"] > 0 and last["seconds"]["train"] > 0
    if MODES[mode].peft:
        assert last["gradient_norm_v"] > 0 and last["gradient_norm_t"] > 0
        assert last["peft_parameters"] > 0 and 0 < last["peft_share"] < 0.1 and last["items_per_second"] > 0
        assert (result.record.path / "adapter" / "adapter_model.safetensors").is_file()
    else:
        assert not (result.record.path / "adapter").exists()


@pytest.mark.parametrize("peft", ["adapter", "prompt", "coop", "side", "full", "adalora"])
def test_every_kind_of_variant_runs_and_its_adapter_gives_the_features_that_were_scored(peft, toy_keys):
    keys = {**toy_keys, **QUICK, "mode": "joint", "peft": peft, "tuning_learning_rate": 0.001}
    result = quick_start("PTMRec", "toy", keys)
    line = epochs_of(result)[-1]
    assert line["peft_parameters"] > 0 and line["gradient_norm_t"] > 0
    assert ("regularisation" in line["loss"]) == (peft == "adalora")
    tuner = make_tuner(load_config("PTMRec", "toy", overrides=keys))
    tuner.handle.load(result.record.path / "adapter")
    for modality in tuner.modalities:
        tuned, frozen = features_of(result.model, modality)
        assert not torch.equal(tuned, frozen)
        torch.testing.assert_close(tuner.table(modality), tuned)


def test_the_trainer_s_steps_drive_adalora_s_schedule(toy_keys, monkeypatch):
    ranks = []
    after_step = AdaLoraHandle.after_step

    def watched(handle: AdaLoraHandle) -> None:
        after_step(handle)
        ranks.append(sum(handle.ranks().values()))

    monkeypatch.setattr(AdaLoraHandle, "after_step", watched)
    keys = {**QUICK, "mode": "joint", "joint_epochs": 5, "pool_size": 12, "peft": "adalora", "stage2_patience": 99}
    quick_start("PTMRec", "toy", {**toy_keys, **keys})
    assert len(ranks) == 5 * 4 and ranks[0] == 4 * 12 and ranks[-1] == 4 * 8
    assert ranks == sorted(ranks, reverse=True)


@pytest.mark.parametrize("base", ["VBPR", "Content", "FREEDOM", "LATTICE"])
def test_the_candidate_before_stage_two_scores_exactly_as_stage_ones_best(toy_keys, base):
    result = quick_start("PTMRec", "toy", {**toy_keys, **QUICK, "base": base})
    lines = epochs_of(result)
    best = max((line for line in lines if line["phase"] == "stage1"), key=lambda line: line["valid"]["recall@20"])
    start = next(line for line in lines if line["phase"] == "stage2")
    assert start["epoch"] == 0 and start["valid"] == best["valid"]


@pytest.mark.parametrize("base", ["VBPR", "Content"])
def test_frozen_mode_is_the_base_number_for_number(toy_keys, base):
    keys = {**toy_keys, "learning_rate": 0.01}
    wrapped = quick_start("PTMRec", "toy", {**keys, "mode": "frozen", "base": base})
    alone = quick_start(base, "toy", keys)
    assert wrapped.test == alone.test and wrapped.valid == alone.valid


@pytest.mark.parametrize("base", ["VBPR", "FREEDOM"])
def test_the_best_state_comes_back_with_its_features_and_adapter(toy_keys, base):
    keys = {**toy_keys, **QUICK, "mode": "joint", "kt_weight": 0.0, "joint_epochs": 4, "base": base}
    result = quick_start("PTMRec", "toy", keys)
    model, users = result.model, torch.arange(40)
    scores = model.full_sort_predict([users])
    config = load_config("PTMRec", "toy", overrides=keys)
    checkpoint = torch.load(result.record.path / "checkpoint.pt", weights_only=True)
    _, _, scoring = build(config)
    scoring.restore(checkpoint["state"])  # without the encoder
    assert torch.equal(scoring.full_sort_predict([users]), scores)
    _, loader, fresh = build(config)
    fresh.phases(loader)[0].begin(None)
    fresh.restore(checkpoint["state"])
    assert torch.equal(fresh.full_sort_predict([users]), scores)
    # The adapter folder alone gives the same features, encoded anew.
    tuner = make_tuner(config)
    tuner.handle.load(result.record.path / "adapter")
    for modality in "vt":
        tuned, frozen = features_of(model, modality)
        torch.testing.assert_close(tuner.table(modality), tuned, atol=1e-6, rtol=1e-6)
        assert not torch.allclose(tuned, frozen, atol=1e-4)


@pytest.mark.parametrize("peft", ["lora", "side", "none"])
def test_cached_activations_give_the_features_of_the_whole_encoder(peft, toy_keys):
    config = load_config("PTMRec", "toy", overrides={**toy_keys, "peft": peft})
    frozen = build(config)[1].features.tables()
    reading, whole = make_tuner(config), make_tuner(config.replaced(reuse_activations=False))
    assert reading.modalities == ([] if peft == "none" else ["v", "t"])
    ids = np.array([3, 0, 17])
    for modality in reading.modalities:
        cached, computed = (tuner.live(torch.from_numpy(ids))[modality] for tuner in (reading, whole))
        torch.testing.assert_close(cached, computed, atol=2e-3, rtol=2e-3)  # float16 in the cache
        torch.testing.assert_close(cached, frozen[modality][ids], atol=2e-3, rtol=2e-3)


def begun(keys: dict):
    """The second phase of a model, begun, and its model."""
    config = load_config("PTMRec", "toy", overrides=keys)
    dataset, loader, model = build(config)
    first, second = model.phases(loader)
    trainer = Trainer(model, TrainingOptions.from_config(config), dataset.splits.valid)
    second.begin(trainer.fit([first]).best if first.candidate else None)
    return second, model


def test_joint_kt_teaches_the_fresh_recommender(toy_keys):
    config = load_config("PTMRec", "toy", overrides={**toy_keys, **QUICK, "mode": "joint_kt"})
    dataset, loader, model = build(config)
    taught = model.scorer()
    trainer = Trainer(model, TrainingOptions.from_config(config), dataset.splits.valid)
    first, second = model.phases(loader)
    trainer._run(first, None)
    second.begin(trainer.progress.best)
    fresh = model.scorer()
    assert fresh is not taught and second.transfer.student.base is fresh
    assert not torch.equal(fresh.user_embedding.weight, taught.user_embedding.weight)


def test_shuffled_features_stay_shuffled_when_the_encoder_is_tuned(toy_keys):
    stage2, model = begun({**toy_keys, **QUICK, "shuffle_features": True})
    plain = begun({**toy_keys, **QUICK})[1]
    for modality in "vt":
        _, frozen = features_of(model, modality)
        torch.testing.assert_close(stage2.tuner.table(modality), frozen, atol=2e-3, rtol=2e-3)
        live = stage2.tuner.live(torch.tensor([2, 5]))[modality]
        torch.testing.assert_close(live, frozen[[2, 5]], atol=2e-3, rtol=2e-3)
        assert not torch.allclose(frozen, features_of(plain, modality)[1], atol=1e-2)


def test_a_recommender_at_rate_zero_stays_as_it_was_while_the_encoder_learns(toy_keys):
    stage2, _ = begun({**toy_keys, **QUICK, "recommender_lr_scale": 0.0})
    assert [group["name"] for group in stage2.parameter_groups()] == ["peft"]


@pytest.mark.parametrize("keys", [{"batching": "interaction"}, {"base": "FREEDOM", "rebuild_graph": False}])
def test_other_batches_and_a_fixed_graph(toy_keys, keys):
    lines = epochs_of(quick_start("PTMRec", "toy", {**toy_keys, **QUICK, **keys}))
    n_items = 48
    assert lines[-1]["encodings"] > 2 * n_items if "batching" in keys else lines[-1]["encodings"] <= 2 * n_items


def test_a_loss_that_no_feature_enters_is_said(toy_keys, caplog):
    keys = {**toy_keys, **QUICK, "base": "FREEDOM", "reg_weight": 0.0, "kt_weight": 0.0}
    with caplog.at_level(logging.WARNING):
        quick_start("PTMRec", "toy", keys)
    assert "no gradient reached the encoder" in caplog.text


def test_freedom_without_modal_losses_is_taught_through_a_ridge_regression(toy_keys):
    stage2, _ = begun({**toy_keys, **QUICK, "base": "FREEDOM", "reg_weight": 0.0, "kt_student": "modality"})
    assert isinstance(stage2.transfer.student.scores_of, RidgeScores)


def test_one_seed_gives_one_result(toy_keys):
    first, second = (quick_start("PTMRec", "toy", {**toy_keys, **QUICK}) for _ in range(2))
    assert first.test == second.test and first.valid == second.valid


def test_untuned_towers_keep_their_frozen_features(toy_keys):
    result = quick_start("PTMRec", "toy", {**toy_keys, **QUICK, "vision_blocks": 0, "mode": "joint"})
    assert torch.equal(*features_of(result.model, "v"))
    assert "gradient_norm_v" not in epochs_of(result)[-1] and epochs_of(result)[-1]["gradient_norm_t"] > 0


def test_a_teacher_at_chance_is_warned_of(toy_keys, caplog):
    with caplog.at_level(logging.WARNING):
        quick_start(
            "PTMRec",
            "toy",
            {**toy_keys, **QUICK, "epochs": 1, "learning_rate": 1e-9, "topk": [5], "valid_metric": "Recall@5"},
        )
    assert "nothing to transfer" in caplog.text


def test_only_npy_features_say_that_raw_items_are_needed(toy_keys, raw_data):
    folder = raw_data / "toy"
    (folder / "items.jsonl").unlink()
    (folder / "images").rename(folder / "pictures")
    for seed, name in enumerate(("image_feat.npy", "text_feat.npy")):
        np.save(folder / name, np.random.default_rng(seed).normal(size=(48, 5)))
    with pytest.raises(DataError, match="items.jsonl.*features=files"):
        quick_start("PTMRec", "toy", toy_keys)
    with pytest.raises(ConfigError, match="raw images and texts"):
        quick_start("PTMRec", "toy", {**toy_keys, "features": "files"})
    frozen = quick_start("PTMRec", "toy", {**toy_keys, "features": "files", "mode": "frozen"})
    assert frozen.test == quick_start("PTMRec", "toy", {**toy_keys, "features": "files", "mode": "frozen"}).test


@pytest.mark.parametrize(
    "keys, message",
    [
        ({"mode": "two_stages"}, "two_stage"),
        ({"base": "PTMRec"}, "another recommender"),
        ({"base": "BPR"}, "features"),
        ({"batching": "x"}, "item_pool"),
    ],
)
def test_keys_that_do_not_fit(toy_keys, keys, message):
    with pytest.raises(ConfigError, match=message):
        quick_start("PTMRec", "toy", {**toy_keys, **keys})


def test_baselines_and_ptmrec_see_the_same_frozen_features(toy_keys):
    config = load_config("VBPR", "toy", overrides=toy_keys)
    _, loader, _ = build(config)
    _, other, _ = build(load_config("PTMRec", "toy", overrides=toy_keys))
    assert loader.features.fingerprint == other.features.fingerprint and torch.equal(
        loader.features.v, other.features.v
    )
    assert loader.features.v.mean(0).abs().max() < 1e-4
    assert loader.features.t.square().sum(1).mean().item() == pytest.approx(1, rel=1e-4)


def test_a_planted_gap_narrows_the_frozen_features(toy_keys):
    config = load_config("VBPR", "toy", overrides={**toy_keys, "planted_gap": 3})
    _, loader, _ = build(config)
    assert loader.features.v.shape[1] == loader.features.t.shape[1] == 3


@pytest.mark.parametrize(
    ("keys", "learns"),
    [
        ({}, {"score"}),
        ({"new_items": 0.2}, {"score", "v", "t"}),
        ({"new_items": 0.2, "kt_features": "never"}, {"score"}),
        ({"kt_features": "always"}, {"score", "v", "t"}),
        ({"new_items": 0.2, "base": "Content"}, {"score"}),  # its whole score is what features alone score
        ({"new_items": 0.2, "base": "FREEDOM"}, {"score", "v", "t"}),
    ],
)
def test_what_features_alone_score_learns_where_items_are_new(toy_keys, keys, learns):
    few = {"topk": [2], "valid_metric": "Recall@2"}
    stage2, _ = begun({**toy_keys, **QUICK, **few, "mode": "frozen_kt", "kt_teacher": ["base"], **keys})
    assert set(stage2.transfer.taus) == learns | {"teacher"}
