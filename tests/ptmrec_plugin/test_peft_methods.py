"""Every method of the installed peft, and every named variant, either works or says why not before it trains."""

from __future__ import annotations

import logging
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from peft import PeftType
from torch import nn

from mmrec_host.errors import ConfigError
from mmrec_host.quick_start import quick_start
from mmrec_host.runs.finished_run import open_run
from ptmrec_plugin.encoders.build import build_encoder
from ptmrec_plugin.encoders.dual import DualEncoder
from ptmrec_plugin.encoders.sample_features import features
from ptmrec_plugin.encoders.sample_items import relative_error
from ptmrec_plugin.items.run_encoding import of_run
from ptmrec_plugin.peft.base import Handle, apply_variant
from ptmrec_plugin.peft.blocks import lowest
from ptmrec_plugin.peft.own import OwnHandle, attach
from ptmrec_plugin.peft.trial import apply_tried
from ptmrec_plugin.testing.variants import new_optimizer, train_steps, variant_config

VARIANTS = sorted(path.stem for path in (Path(__file__).parents[2] / "mmrec_configs/peft").glob("*.yaml"))
REFUSED = {
    "LILY": "LILY.*mixes the items of a batch",
    "VBLORA": "peft_vector_length=64 does",
    "C3A": "peft_block_size=64 does",
    **dict.fromkeys(["ADAPTION_PROMPT", "POLY", "PREFIX_TUNING", "SHADOW", "XLORA"], "does not adapt single layers"),
}
BEGIN_ELSEWHERE = {"FOURIERFT": "peft_init_weights: true", "UNILORA": "does not begin as the frozen encoder"}


@pytest.fixture
def said(caplog) -> Callable[[], str]:
    """What the trial has warned of."""
    caplog.set_level(logging.WARNING, "ptmrec_plugin")
    return lambda: "\n".join(r.getMessage() for r in caplog.records if r.name == "ptmrec_plugin.peft.trial")


@pytest.fixture(scope="module")
def tiny() -> DualEncoder:
    return build_encoder(variant_config("none", "tiny"))


def tried(tiny: DualEncoder, variant: str, **keys) -> Handle:
    torch.manual_seed(0)  # how far UNILORA begins away depends on its draw, and lies around what is warned of
    return apply_tried(tiny.copy(), variant_config(variant, "tiny", **keys), ["v", "t"])


@pytest.mark.parametrize("method", PeftType.__members__)
def test_a_method_of_peft_works_or_is_refused_before_it_trains(method, tiny, tmp_path, said):
    try:
        handle = tried(tiny, "hf", peft_method=method)
    except ConfigError as error:
        assert method not in {"LORA", "TINYLORA", "UNILORA", "HRA", "OFT"}, error
        return
    assert method not in REFUSED
    assert BEGIN_ELSEWHERE.get(method, "") in said() and bool(said()) == (method in BEGIN_ELSEWHERE)
    train_steps(handle, new_optimizer(handle), 1)
    with handle.disabled():
        assert relative_error(features(handle.encoder), features(tiny)) == 0
    handle.save(tmp_path)  # which reads it back


@pytest.mark.parametrize("method", [name for name in REFUSED if name in PeftType.__members__])
def test_a_method_that_cannot_be_used_says_why(method, tiny):
    with pytest.raises(ConfigError, match=f"(?s){REFUSED[method]}"):
        tried(tiny, "hf", peft_method=method)


@pytest.mark.parametrize("variant", VARIANTS)
def test_a_named_variant_begins_as_it_says(variant, tiny, said):
    tried(tiny, variant)
    assert not said()


@pytest.mark.parametrize("method, option", [("VBLORA", "vector_length"), ("C3A", "block_size")])
def test_the_advice_of_a_refused_method_works(method, option, tiny, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "mmrec_configs/peft").mkdir(parents=True)
    lines = ["variant: hf", f"peft_method: {method}", f"peft_{option}: 64", "adapt: [q, v]"]
    (tmp_path / f"mmrec_configs/peft/{method.lower()}.yaml").write_text("\n".join(lines))
    assert tried(tiny, method.lower()).n_parameters() > 0


def test_an_odd_number_of_reflections_begins_far_away_and_an_even_one_does_not(tiny, said):
    tried(tiny, "hra", peft_r=8)
    assert not said()
    tried(tiny, "hra", peft_r=7)
    assert "An even peft_r begins there" in said()


def test_a_run_is_refused_before_stage_1(toy_keys, monkeypatch):
    monkeypatch.setattr("ptmrec_plugin.ptmrec.Stage1", lambda *_: pytest.fail("stage 1 has begun"))
    with pytest.raises(ConfigError, match="mixes the items"):
        quick_start("PTMRec", "toy", {**toy_keys, "peft": "hf", "peft_method": "LILY"})


def test_the_adapter_of_a_run_whose_layers_share_a_tensor_encodes_as_the_run_did(toy_keys):
    keys = {"mode": "joint", "joint_epochs": 1, "pool_size": 16, "joint_learning_rate": 0.01}
    result = quick_start("PTMRec", "toy", {**toy_keys, **keys, "peft": "hf", "peft_method": "TINYLORA"})
    run = open_run(result.record.path)
    assert not torch.equal(run.item_features()["v"], run.loader.features.tables()["v"])
    assert relative_error({"v": of_run(run, None, {}).features("v")}, {"v": run.item_features()["v"]}) < 1e-3


class Shift(nn.Module):
    """Adds a trained vector to the features, times a random one that nothing saves; or their mean over the batch."""

    def __init__(self, dim: int, mixes: bool) -> None:
        super().__init__()
        self.shift, self.direction, self.mixes = nn.Parameter(torch.zeros(dim)), torch.randn(dim), mixes

    def forward(self, z):
        return z + self.shift * (z.mean(0) if self.mixes else self.direction)


@pytest.mark.parametrize("mixes, message", [(True, "mixes the items"), (False, "not all that they depend on is saved")])
def test_a_variant_of_somebody_else_is_tried_too(mixes, message, tiny, monkeypatch):
    def apply(encoder, config, modalities):
        shift = attach(encoder, Shift(encoder.towers["t"].dim, mixes))
        head = encoder.towers["t"].head
        encoder.towers["t"].head = lambda states: shift(head(states)) if handle.active else head(states)
        handle = OwnHandle(encoder, lowest(encoder, config, ["t"]), dict(shift.named_parameters()))
        return handle

    monkeypatch.setattr("ptmrec_plugin.peft.base.PEFT.get", lambda name: apply)
    with pytest.raises(ConfigError, match=message):
        tried(tiny, "lora")


def test_a_trial_leaves_the_random_state_and_the_parameters_alone(tiny):
    config = variant_config("lora", "tiny")
    torch.manual_seed(3)
    first = apply_tried(tiny.copy(), config, ["v", "t"]).state()
    drawn = torch.rand(1)
    torch.manual_seed(3)
    plain = apply_variant(tiny.copy(), config, ["v", "t"]).state()
    assert torch.equal(torch.rand(1), drawn)
    assert all(torch.equal(first[name], plain[name]) for name in plain)


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        (["peft_method: LORA", "peft_lora_alfa: 3"], "does not take these options.*lora_alfa"),
        (["peft_method: LORRA"], "did you mean 'LORA'"),
        (["peft_r: 3"], "peft_method=null: must be a method of peft"),
    ],
)
def test_wrong_options_are_refused_before_anything_is_read(lines, message, toy_keys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "mmrec_configs/peft").mkdir(parents=True)
    own = ["variant: hf", "adapt: [q, v]", *([] if "method" in lines[0] else ["peft_method: null"]), *lines]
    (tmp_path / "mmrec_configs/peft/own.yaml").write_text("\n".join(own))
    monkeypatch.setattr("mmrec_host.runs.engine.load_dataset", lambda *_: pytest.fail("data were read"))
    with pytest.raises(ConfigError, match=message):
        quick_start("PTMRec", "toy", {**toy_keys, "peft": "own"})


def test_peft_s_methods_have_no_default(toy_keys):
    with pytest.raises(ConfigError, match="peft_method=null: must be a method of peft"):
        quick_start("PTMRec", "toy", {**toy_keys, "peft": "hf"})
