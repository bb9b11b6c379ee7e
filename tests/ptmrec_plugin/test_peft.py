"""LoRA is live: it is where it should be, it learns, and it leaves the frozen weights alone."""

from __future__ import annotations

import pytest
import torch

from mmrec_host.config import load_config
from mmrec_host.errors import ConfigError
from mmrec_host.models.base import MODELS
from ptmrec_plugin.encoders.dual import DualEncoder
from ptmrec_plugin.item_encoder import build_encoder
from ptmrec_plugin.peft.base import PEFT, Handle

MODELS.get("PTMRec")
EXPECTED = {
    "tiny": {f"{path}transformer.resblocks.2.attn.{p}_proj" for path in ("visual.", "") for p in "qv"},
    "offline": {
        *(f"text.transformer.encoder.layer.5.attention.self.{p}" for p in ("query", "value")),
        *(f"visual.trunk.blocks.6.0.{c}" for c in ("conv_pw", "conv_pwl")), "visual.trunk.conv_head",
    },
}  # fmt: skip


def config(encoder: str = "tiny", **keys):
    return load_config("PTMRec", "toy", overrides={"encoder": encoder}).replaced(device=torch.device("cpu"), **keys)


def applied(encoder: str = "tiny", **keys) -> tuple[DualEncoder, Handle]:
    model = build_encoder(config(encoder, **keys))
    torch.manual_seed(0)
    return model, PEFT.get("hf")(model, config(encoder, **keys), ["v", "t"])


def inputs(encoder: DualEncoder) -> dict[str, torch.Tensor]:
    size = encoder.model.visual.image_size
    side = size if isinstance(size, int) else size[0]
    pixels = torch.randn(4, 3, side, side, generator=torch.Generator().manual_seed(1))
    return {"v": pixels, "t": encoder.tokens(["a red shoe", "a blue tent", "tea", "a lamp"])}


def features(encoder: DualEncoder) -> torch.Tensor:
    with torch.no_grad():
        return torch.cat([encoder.encode(m, x).flatten() for m, x in inputs(encoder).items()])


@torch.no_grad()
def perturb(handle: Handle) -> None:
    torch.manual_seed(2)
    for parameter in handle.named_parameters().values():
        parameter.add_(0.1 * torch.randn_like(parameter))


@pytest.mark.parametrize("encoder", ["tiny", "offline"])
def test_exactly_the_expected_modules_are_adapted(encoder):
    model, handle = applied(encoder)
    found = {n for n, m in model.model.named_modules() if hasattr(m, "lora_A")}
    assert found == EXPECTED[encoder]
    assert handle.cuts == {m: model.towers[m].n_blocks - 1 for m in "vt"}
    assert handle.n_parameters() == sum(p.numel() for p in model.parameters() if p.requires_grad)


@pytest.mark.parametrize("encoder", ["tiny", "offline"])
def test_every_adapter_tensor_learns_and_frozen_weights_stay_bit_identical(encoder):
    frozen = features(build_encoder(config(encoder)))
    model, handle = applied(encoder)
    assert torch.equal(features(model), frozen)  # the identity at the start
    perturb(handle)
    assert not torch.allclose(features(model), frozen, atol=1e-3)
    before = {n: p.clone() for n, p in model.named_parameters() if not p.requires_grad}
    optimizer = torch.optim.AdamW(handle.named_parameters().values(), lr=1e-2)
    for _ in range(2):
        optimizer.zero_grad()
        sum(model.encode(m, x).square().sum() for m, x in inputs(model).items()).backward()
        assert all(p.grad is not None and p.grad.abs().sum() > 0 for p in handle.named_parameters().values())
        optimizer.step()
    assert all(torch.equal(p, before[n]) for n, p in model.named_parameters() if n in before)
    with handle.disabled():
        assert torch.equal(features(model), frozen)


def test_saved_adapters_load_to_the_same_features_here_and_with_peft_alone(tmp_path):
    from peft import PeftModel

    model, handle = applied()
    perturb(handle)
    tuned = features(model)
    handle.save(tmp_path)
    again, other = applied()
    other.load(tmp_path)
    assert torch.equal(features(again), tuned)
    plain = build_encoder(config())
    PeftModel.from_pretrained(plain.model, str(tmp_path)).eval()
    assert torch.equal(features(plain), tuned)


def test_merged_equals_unmerged():
    model, handle = applied()
    perturb(handle)
    tuned = features(model)
    handle.merge()
    torch.testing.assert_close(features(model), tuned, atol=2e-5, rtol=1e-4)


def test_an_adapter_of_another_encoder_or_shape_is_refused(tmp_path):
    _, handle = applied()
    handle.save(tmp_path)
    _, other_weights = applied(encoder_seed=5)
    with pytest.raises(ConfigError, match="weights"):
        other_weights.load(tmp_path)
    _, other_shape = applied(text_blocks=2)
    with pytest.raises(ConfigError, match="text_blocks"):
        other_shape.load(tmp_path)
    with pytest.raises(ConfigError, match="no adapter"):
        other_shape.load(tmp_path / "nothing")


@pytest.mark.parametrize(
    "keys, message",
    [
        ({"vision_blocks": 9}, "0 to 3"),
        ({"text_blocks": [7]}, "from 0 to 2"),
        ({"adapt": ["q", "w"]}, "q, k, v, out, mlp"),
        ({"adapt": ["conv"]}, "q, k, v, out, mlp"),
        ({"vision_blocks": 0, "text_blocks": 0}, "nothing to tune"),
        ({"peft_method": "LORRA"}, "LORA"),
        ({"peft_rank": 3}, "LoraConfig"),
    ],
)
def test_options_that_do_not_fit_say_what_does(keys, message):
    with pytest.raises(ConfigError, match=message):
        applied(**keys)


def test_dropout_follows_the_training_mode_and_nothing_else_does():
    model, handle = applied(peft_lora_dropout=0.5)
    perturb(handle)
    handle.train(True)
    assert not torch.equal(features(model), features(model))
    handle.train(False)
    assert torch.equal(features(model), features(model))
