"""Towers of many kinds give open_clip's own features, and are tuned or say why they cannot be."""

from __future__ import annotations

import copy

import open_clip
import pytest
import torch
from open_clip import CLIP, CoCa, CustomTextCLIP

from mmrec_host.errors import ConfigError
from ptmrec_plugin.encoders.dual import DualEncoder
from ptmrec_plugin.encoders.open_clip_towers import TINY
from ptmrec_plugin.encoders.sample_features import features, features_alone, sample_inputs
from ptmrec_plugin.encoders.sample_items import TEXTS, relative_error
from ptmrec_plugin.peft.trial import apply_tried
from ptmrec_plugin.testing.variants import variant_config

IMAGE = {**TINY["vision_cfg"], "layers": 2}
CONTEXT, VOCABULARY = 32, 130  # ASCII, a start and an end
TEXT = {**TINY["text_cfg"], "layers": 2, "vocab_size": VOCABULARY}
COCA = {"context_length": CONTEXT, "vocab_size": VOCABULARY, "width": 64, "heads": 2, "layers": 1}
RESNET = {"layers": [1, 1, 1, 1], "width": 16, "image_size": 32, "head_width": 32}
TIMM = {"timm_model_pretrained": False, "timm_pool": "avg", "timm_proj": "linear", "image_size": 32}
TOKENS = {"output_tokens": True}
POOLED = {"attentional_pool": True, "attn_pooler_heads": 2, "attn_pooler_queries": 3, "output_tokens": True}

# name -> class, image tower, text tower, which of them can be cut
TOWERS = {
    "plain": (CLIP, IMAGE, TEXT, "vt"),
    "tokens given": (CustomTextCLIP, {**IMAGE, **TOKENS}, {**TEXT, **TOKENS}, "vt"),
    "CoCa": (CoCa, {**IMAGE, **POOLED}, {**TEXT, **TOKENS, "embed_cls": True}, "v"),
    "mean pooling": (CustomTextCLIP, {**IMAGE, "pool_type": "avg", "no_ln_pre": True}, TEXT, "vt"),
    "first token": (CustomTextCLIP, IMAGE, {**TEXT, "pool_type": "first"}, "vt"),
    "last token": (CustomTextCLIP, IMAGE, {**TEXT, "pool_type": "last"}, "vt"),
    "no causal mask": (CustomTextCLIP, IMAGE, {**TEXT, "no_causal_mask": True, "pool_type": "last"}, "v"),
    "custom blocks": (CustomTextCLIP, {**IMAGE, "block_type": "custom"}, {**TEXT, "block_type": "custom"}, "vt"),
    "normalised queries": (CustomTextCLIP, {**IMAGE, "qk_norm": True}, {**TEXT, "qk_norm": True}, "vt"),
    "ResNet": (CLIP, RESNET, TEXT, "t"),
    "ConvNeXt": (CustomTextCLIP, {**TIMM, "timm_model_name": "test_convnext"}, TEXT, "t"),
    "timm's ViT": (CustomTextCLIP, {**TIMM, "timm_model_name": "test_vit"}, TEXT, "t"),
    "BERT, mean": (CustomTextCLIP, IMAGE, {"hf_pooler_type": "mean_pooler"}, "vt"),
    "BERT, its pooler": (CustomTextCLIP, IMAGE, {"hf_pooler_type": "cls_pooler"}, "vt"),
    "BERT, first token": (CustomTextCLIP, IMAGE, {"hf_pooler_type": "cls_last_hidden_state_pooler"}, "vt"),
}


@pytest.fixture(scope="module")
def bert(tmp_path_factory):
    """Folder of a small random BERT's configuration."""
    from transformers import BertConfig

    folder = tmp_path_factory.mktemp("bert")
    BertConfig(
        vocab_size=VOCABULARY, hidden_size=32, num_hidden_layers=2, num_attention_heads=2, intermediate_size=64,
        max_position_embeddings=32,
    ).save_pretrained(folder)  # fmt: skip
    return {"hf_model_name": str(folder), "hf_model_pretrained": False, "hf_proj_type": "linear"}


@pytest.fixture(scope="module")
def model_of(bert):
    made = {}

    def make(name):
        kind, image, text, _ = TOWERS[name]
        if name not in made:
            text = {**bert, **text} if "hf_pooler_type" in text else text
            more = {"multimodal_cfg": COCA} if kind is CoCa else {}
            with torch.random.fork_rng(devices=[]):
                torch.manual_seed(0)
                made[name] = kind(embed_dim=64, vision_cfg=image, text_cfg=text, **more).eval()
        return copy.deepcopy(made[name])

    return make


def tokenize(texts: list[str]) -> torch.Tensor:
    """A token a character, between a start and an end, which has the highest id as CLIP's has."""
    ids = torch.zeros(len(texts), CONTEXT, dtype=torch.int64)
    for row, text in zip(ids, texts):
        tokens = [VOCABULARY - 2, *text.encode("ascii")[: CONTEXT - 2], VOCABULARY - 1]
        row[: len(tokens)] = torch.tensor(tokens)
    return ids


def encoder_of(model) -> DualEncoder:
    preprocess = open_clip.image_transform(32, is_train=False)
    return DualEncoder("test", model, preprocess, tokenize, 0, {})


@pytest.mark.parametrize("name", TOWERS)
@torch.no_grad()
def test_features_are_open_clip_s_own_alone_and_together(name, model_of):
    model = model_of(name)
    encoder = encoder_of(copy.deepcopy(model))
    pixels, ids = sample_inputs(encoder)["v"], encoder.tokenize(list(TEXTS))
    expected = {"v": model.encode_image(pixels, normalize=False), "t": model.encode_text(ids, normalize=False)}
    expected = {m: x[0] if isinstance(x, tuple) else x for m, x in expected.items()}
    assert relative_error(features(encoder), expected) < 1e-5
    assert relative_error(features_alone(encoder), expected) < 1e-5
    cut = {m for m, tower in encoder.towers.items() if tower.n_blocks}
    assert cut == set(TOWERS[name][3])
    assert all(tower.whole_because for m, tower in encoder.towers.items() if m not in cut)


@pytest.mark.parametrize("variant", ["lora", "adapter", "prefix", "side"])
@pytest.mark.parametrize("name", [name for name in TOWERS if name != "plain"])
def test_a_tower_is_tuned_or_says_why_not(name, variant, model_of):
    encoder = encoder_of(model_of(name))
    modalities = list(TOWERS[name][3])
    keys = {"adapt": ["out", "mlp"]} if variant == "adapter" else {}
    if name in ("custom blocks", "normalised queries") and variant in ("lora", "prefix"):
        expected = "it has out, mlp" if variant == "lora" else "one layer for both.*peft=adapter, prompt"
        with pytest.raises(ConfigError, match=expected):
            apply_tried(encoder, variant_config(variant, "tiny", **keys), modalities)
        return
    handle = apply_tried(encoder, variant_config(variant, "tiny", **keys), modalities)
    assert set(handle.cuts) == set(modalities) and handle.n_parameters() > 0


@pytest.mark.parametrize("variant", ["lora", "prompt", "side", "head", "full"])
def test_a_tower_that_cannot_be_cut_is_not_tuned_and_the_message_says_why(variant, model_of):
    encoder = encoder_of(model_of("ResNet"))
    config = variant_config(variant, "tiny")
    with pytest.raises(ConfigError, match="vision_blocks=.*ModifiedResNet.*vision_blocks=0 leaves it frozen"):
        apply_tried(encoder, config, ["v", "t"])


def test_an_encoder_that_open_clip_cannot_compute_is_refused():
    text = {**TEXT, "scaled_cosine_attn": True}
    model = CustomTextCLIP(embed_dim=64, vision_cfg=IMAGE, text_cfg=text)
    with pytest.raises(ConfigError, match="open_clip itself fails to encode texts"):
        encoder_of(model)


def test_an_encoder_with_other_features_than_open_clip_s_is_refused(model_of, monkeypatch):
    monkeypatch.setattr("ptmrec_plugin.encoders.dual.unfuse", lambda model: model.apply(_shift))
    with pytest.raises(ConfigError, match="away from what open_clip's own encode_image gives"):
        encoder_of(model_of("plain"))


def _shift(module: torch.nn.Module) -> None:
    if isinstance(module, torch.nn.LayerNorm):
        torch.nn.init.constant_(module.bias, 0.5)


def test_towers_that_were_wrong_before_have_another_identity(model_of):
    """So that nothing of what an earlier version cached is read."""
    assert encoder_of(model_of("last token")).identity["revision_t"] == "last"
    assert encoder_of(model_of("BERT, its pooler")).identity["revision_t"] == "pooler"
    assert "revision_t" not in encoder_of(model_of("BERT, mean")).identity
