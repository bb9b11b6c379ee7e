"""Encoders: what their towers and the offline one must compute, unfused attention, identities and refusals."""

from __future__ import annotations

import io

import numpy as np
import open_clip
import pytest
import torch
from PIL import Image

from mmrec_host.config import load_config
from mmrec_host.errors import ConfigError
from ptmrec_plugin.encoders.build import build_encoder, encoder_identity
from ptmrec_plugin.encoders.unfuse import refuse_state_dict, unfuse

TEXTS = ["a red shoe", "a rather long sentence about nothing in particular, but with many words", "knife", ""]


def config(encoder: str, **keys):
    return load_config("VBPR", "toy", overrides={"encoder": encoder}).replaced(device=torch.device("cpu"), **keys)


def images(n: int = 4) -> list[bytes]:
    rng, encoded = np.random.default_rng(0), []
    for _ in range(n):
        buffer = io.BytesIO()
        Image.fromarray(rng.integers(0, 255, (70, 50, 3), dtype=np.uint8)).save(buffer, "PNG")
        encoded.append(buffer.getvalue())
    return encoded


@pytest.fixture(scope="module", params=["tiny", "offline"])
def encoder(request):
    return build_encoder(config(request.param))


@torch.no_grad()
def test_towers_compute_what_the_model_computes(encoder):
    pixels, tokens = encoder.pixels(images()), encoder.tokens(TEXTS)
    torch.testing.assert_close(encoder.encode("v", pixels), encoder.model.encode_image(pixels))
    full = encoder.tokenize(TEXTS)
    torch.testing.assert_close(encoder.encode("t", tokens), encoder.model.encode_text(full), atol=1e-5, rtol=1e-5)


@torch.no_grad()
def test_a_padding_id_inside_a_text_does_not_cut_it(encoder):
    """The id that CLIP fills texts up with is a "!" inside them."""
    text = "sale!~ now"
    alone = encoder.tokens([text])
    full = encoder.tokenize([text])
    torch.testing.assert_close(encoder.encode("t", alone), encoder.model.encode_text(full), atol=1e-5, rtol=1e-5)
    together = encoder.encode("t", encoder.tokens([text, *TEXTS]))[:1]
    torch.testing.assert_close(together, encoder.encode("t", alone), atol=1e-5, rtol=1e-5)


@torch.no_grad()
def test_unfused_attention_is_the_fused_one_and_goes_back():
    config("tiny")  # registers the model
    build_encoder(config("tiny"))
    torch.manual_seed(0)
    fused = open_clip.create_model("ptmrec-tiny").eval()
    state = {k: v.clone() for k, v in fused.state_dict().items()}
    pixels, tokens = torch.randn(3, 3, 32, 32), open_clip.get_tokenizer("ptmrec-tiny")(TEXTS)
    expected = fused.encode_image(pixels), fused.encode_text(tokens)
    unfuse(fused)
    torch.testing.assert_close(fused.encode_image(pixels), expected[0], atol=2e-6, rtol=1e-5)
    torch.testing.assert_close(fused.encode_text(tokens), expected[1], atol=2e-6, rtol=1e-5)
    back = refuse_state_dict(fused.state_dict())
    assert back.keys() == state.keys() and all(torch.equal(back[k], state[k]) for k in state)


@torch.no_grad()
def test_minilm_agrees_with_transformers():
    """An independent reference: Hugging Face's own model and mean pooling."""
    from transformers import AutoModel, AutoTokenizer

    from ptmrec_plugin.encoders.offline import _minilm_folder

    folder = str(_minilm_folder())
    tokenizer, model = AutoTokenizer.from_pretrained(folder), AutoModel.from_pretrained(folder).eval()
    batch = tokenizer(TEXTS, padding=True, truncation=True, max_length=32, return_tensors="pt")
    hidden, mask = model(**batch).last_hidden_state, batch.attention_mask[..., None]
    reference = (hidden * mask).sum(1) / mask.sum(1)
    encoder = build_encoder(config("offline"))
    torch.testing.assert_close(encoder.encode("t", encoder.tokens(TEXTS)), reference, atol=1e-5, rtol=1e-5)
    similar = torch.cosine_similarity(
        *encoder.encode("t", encoder.tokens(["running shoes", "sneakers for jogging"])), dim=0
    )
    different = torch.cosine_similarity(
        *encoder.encode("t", encoder.tokens(["running shoes", "a tax return form"])), dim=0
    )
    assert similar > different + 0.2


def test_identity_depends_on_weights_and_preprocessing():
    assert encoder_identity(config("tiny")) == encoder_identity(config("tiny"))
    assert encoder_identity(config("tiny"))["weights"] != encoder_identity(config("tiny", encoder_seed=1))["weights"]
    at_128, at_96 = encoder_identity(config("offline")), encoder_identity(config("offline", encoder_image_size=96))
    assert at_128["weights"] == at_96["weights"] and at_128["preprocessing"] != at_96["preprocessing"]


def test_weights_that_cannot_be_had_say_what_to_do():
    with pytest.raises(ConfigError, match="encoder=offline"):
        build_encoder(config("vit-b-32"))
    with pytest.raises(ConfigError, match="ViT-B-32"):
        build_encoder(config("vit-b-32", encoder_model="ViT-B-31"))
    with pytest.raises(ConfigError, match="openai"):
        build_encoder(config("vit-b-32", encoder_pretrained="openia"))


def encoded(picture: Image.Image, format: str = "PNG") -> bytes:
    buffer = io.BytesIO()
    picture.save(buffer, format)
    return buffer.getvalue()


def test_pictures_of_sixteen_bits_are_those_of_eight_bits():
    encoder = build_encoder(config("tiny"))
    eight = np.linspace(0, 255, 32 * 32).reshape(32, 32).astype(np.uint8)
    expected = encoder.pixels([encoded(Image.fromarray(eight))])
    for kind, format in ((np.uint16, "PNG"), (np.uint16, "TIFF"), (np.int32, "TIFF")):
        sixteen = Image.fromarray(eight.astype(kind) * 257)
        assert sixteen.mode.startswith("I")
        assert torch.equal(encoder.pixels([encoded(sixteen, format)]), expected), (kind, format)


def test_a_picture_with_a_palette_is_the_picture_that_it_shows():
    encoder = build_encoder(config("tiny"))
    shown = Image.fromarray(np.random.default_rng(0).integers(0, 255, (70, 50, 3), dtype=np.uint8)).quantize(64)
    expected = encoder.pixels([encoded(shown.convert("RGB"))])
    assert torch.equal(encoder.pixels([encoded(shown)]), expected)


@torch.no_grad()
def test_weights_from_a_local_file(tmp_path):
    first = build_encoder(config("tiny", encoder_seed=3))
    path = tmp_path / "weights.pt"
    torch.save(refuse_state_dict(first.model.state_dict()), path)
    second = build_encoder(config("tiny", encoder_seed=4, encoder_pretrained=str(path)))
    pixels = first.pixels(images())
    assert torch.equal(first.encode("v", pixels), second.encode("v", pixels))
