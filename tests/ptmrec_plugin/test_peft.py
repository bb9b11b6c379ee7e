"""LoRA in detail, and of the other PEFT variants what is theirs alone: schedules, formats, and refusals."""

from __future__ import annotations

import json

import pytest
import torch

from mmrec_host.config import load_config
from mmrec_host.errors import ConfigError
from mmrec_host.models.base import MODELS
from ptmrec_plugin.encoders.build import build_encoder
from ptmrec_plugin.encoders.dual import DualEncoder
from ptmrec_plugin.peft.base import PEFT, Handle
from ptmrec_plugin.testing.variants import apply_variant, new_optimizer, train_steps, variant_config

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


def handle_of(variant: str, encoder: str = "tiny", modalities=("v", "t"), **keys) -> Handle:
    return apply_variant(variant_config(variant, encoder, **keys), modalities)


@pytest.mark.parametrize(
    "variant, encoder, keys, message",
    [
        ("prompt", "offline", {}, "convolutional.*vision_blocks=0"),
        ("prefix", "offline", {}, "convolutional.*peft=lora"),
        ("prompt", "tiny", {"vision_blocks": 2}, "2 and 1.*prompt_coupled=false"),
        ("coop", "tiny", {"text_blocks": [5]}, "from 0 to 2"),
        ("adapter", "tiny", {"adapt": ["conv"]}, "image tower.*q, k, v, out, mlp"),
        ("adapter", "tiny", {"adapter_width": 0}, "adapter_width=0: must be a whole number, 1 to 65536"),
        ("adapter", "tiny", {"adapter_widht": 8}, "did you mean 'adapter_width'"),
        ("side", "tiny", {"vision_blocks": 0, "text_blocks": 0}, "nothing to tune with peft=side"),
        ("last_k", "tiny", {"text_blocks": 4}, "0 to 3"),
        ("full", "tiny", {"vision_blocks": 1}, "must be all, or 0.*last_k"),
        ("head", "offline", {}, "text tower.*no such weights.*text_blocks=0"),
        ("last_k", "tiny", {"trained": "biases"}, "bias, block, head, all, none"),
        ("pissa", "offline", {"adapt": ["q", "v", "conv"]}, "Conv2d.*lora, adalora"),
        ("vera", "offline", {}, "image tower.*it has norm, conv, conv_out"),
        ("adalora", "tiny", {"peft_target_r": 12}, "less than peft_init_r=12"),
        ("adalora", "tiny", {"warmup_share": 0.8}, "less than 1"),
        ("ia3", "tiny", {"peft_r": 8}, "unknown key 'peft_r'"),
        ("hf", "tiny", {"peft_method": "PREFIX_TUNING"}, "PREFIX_TUNING.*peft=prompt"),
        ("hf", "tiny", {"peft_method": "POLY"}, "single layers"),
    ],
)
def test_variants_say_what_does_not_fit_and_what_does(variant, encoder, keys, message):
    with pytest.raises(ConfigError, match=f"(?s){message}"):
        handle_of(variant, encoder, **keys)


def test_a_text_variant_without_texts_has_nothing_to_tune():
    with pytest.raises(ConfigError, match="vision_blocks leaves nothing to tune with peft=coop"):
        handle_of("coop", modalities=["v"])


@pytest.mark.parametrize(
    "saved, loaded, message",
    [
        (("adapter", {}), ("prefix", {}), "another variant or shape"),
        (("adapter", {}), ("adapter", {"adapter_width": 4}), "another variant or shape"),
        (("adapter", {}), ("adapter", {"encoder_seed": 3}), "differ in weights"),
        (("lora", {}), ("adapter", {}), "cannot be read"),
        (("lora", {}), ("ia3", {}), "another variant or shape|peft cannot read"),
        (("lora", {"peft_r": 4}), ("lora", {}), "another variant or shape.*size"),
        (("prompt", {}), ("vpt", {}), "another variant or shape"),
    ],
)
def test_an_adapter_of_another_variant_shape_or_encoder_is_refused(saved, loaded, message, tmp_path):
    handle_of(saved[0], **saved[1]).save(tmp_path)
    with pytest.raises(ConfigError, match=message):
        handle_of(loaded[0], **loaded[1]).load(tmp_path)


@pytest.mark.parametrize("variant", ["lora", "adapter"])
def test_an_adapter_with_zeroed_weights_is_refused(variant, tmp_path):
    handle = handle_of(variant)
    handle.save(tmp_path)
    (file,) = tmp_path.glob("*.safetensors")
    weights = file.read_bytes()
    file.write_bytes(weights[: len(weights) // 2] + bytes(len(weights) - len(weights) // 2))
    with pytest.raises(ConfigError, match=f"{file.name}: damaged, or replaced.*Train the adapter anew"):
        handle.load(tmp_path)
    identity = json.loads((tmp_path / "encoder.json").read_text())
    del identity["sha256"]  # as version 0.1 wrote it
    file.write_bytes(weights)
    (tmp_path / "encoder.json").write_text(json.dumps(identity))
    handle.load(tmp_path)


def test_an_adapter_of_another_format_is_refused(tmp_path):
    handle = handle_of("adapter")
    handle.save(tmp_path)
    identity = json.loads((tmp_path / "encoder.json").read_text())
    (tmp_path / "encoder.json").write_text(json.dumps({**identity, "format": 7}))
    with pytest.raises(ConfigError, match="format 7; this version reads format 1"):
        handle.load(tmp_path)


def test_adalora_s_ranks_shrink_to_the_target_and_the_adapter_loads_with_peft_alone(tmp_path):
    from peft import PeftModel

    handle = handle_of("adalora")
    assert handle.extra_loss() > 0.1  # far from orthogonal
    handle.begin(20)
    optimizer = new_optimizer(handle)
    train_steps(handle, optimizer, 2)
    assert sum(handle.ranks().values()) == 4 * 12  # warm-up
    train_steps(handle, optimizer, 6)
    assert 4 * 8 < sum(handle.ranks().values()) < 4 * 12
    train_steps(handle, optimizer, 12)
    left = handle.ranks()
    assert sum(left.values()) == 4 * 8 and len(left) == 4
    handle.save(tmp_path)
    plain = build_encoder(config())
    PeftModel.from_pretrained(plain.model, str(tmp_path)).eval()
    torch.testing.assert_close(features(plain), features(handle.encoder))


@pytest.mark.parametrize("n_steps", [1, 2, 3])
def test_adalora_survives_a_phase_of_few_steps(n_steps):
    handle = handle_of("adalora")
    handle.begin(n_steps)
    train_steps(handle, new_optimizer(handle), n_steps)
    assert handle.step == n_steps and sum(handle.ranks().values()) >= 4 * 8


def test_adalora_learns_to_be_orthogonal():
    handle = handle_of("adalora")
    handle.begin(40)
    before = handle.extra_loss().item()
    train_steps(handle, new_optimizer(handle), 40)
    assert handle.extra_loss().item() < 0.5 * before


def test_none_trains_nothing_and_touches_no_tower():
    handle = handle_of("none")
    assert handle.cuts == {} and handle.n_parameters() == 0
    assert not any(p.requires_grad for p in handle.encoder.parameters())


def test_coupled_prompts_of_one_tower_move_the_other_tower_s_features():
    handle = handle_of("prompt")
    before = handle.encoder.encode("v", inputs(handle.encoder)["v"])
    with torch.no_grad():
        handle.named_parameters()["prompts.t"].add_(0.5)
    assert not torch.allclose(handle.encoder.encode("v", inputs(handle.encoder)["v"]), before, atol=1e-4)


def test_prompts_leave_the_text_s_causality_alone():
    """What stands after the end of a text must not reach its features, wherever the prompts are."""
    encoder = handle_of("paper").encoder
    ids = encoder.tokenize(["a red shoe"])
    changed = ids.clone()
    changed[0, -5:] = 320
    with torch.no_grad():
        torch.testing.assert_close(encoder.encode("t", changed), encoder.encode("t", ids))
