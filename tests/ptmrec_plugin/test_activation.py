"""Weights that were trained with another activation than the model has are refused, and unknown ones asked about."""

from __future__ import annotations

import json

import pytest

from mmrec_host.config import load_config
from mmrec_host.errors import ConfigError
from ptmrec_plugin.encoders.activation import require_activation
from ptmrec_plugin.encoders.build import build_encoder

GELU, QUICK = "ViT-B-32", "ViT-B-32-quickgelu"
HUB = "models--laion--CLIP-ViT-B-32-laion2B-s34B-b79K/snapshots/1a25/open_clip_pytorch_model.bin"


def assert_it_asks_for(right, wrong, path):
    require_activation(right, str(path), None)
    with pytest.raises(ConfigError, match=f"encoder_model={right} is the model"):
        require_activation(wrong, str(path), None)


@pytest.mark.parametrize(
    "file, right, wrong",
    [
        ("vit_b_32-quickgelu-laion400m_e32-46683a32.pt", QUICK, GELU),
        ("vit_b_32-laion2b_e16-af8dbd0c.pth", GELU, QUICK),
        ("ViT-B-32.pt", QUICK, GELU),
        (HUB, GELU, QUICK),
        ("CLIP-ViT-B-32-laion2B-s34B-b79K/open_clip_model.safetensors", GELU, QUICK),
        ("mine-quickgelu.pt", QUICK, GELU),
    ],
)
def test_a_file_that_open_clip_knows_says_its_activation(file, right, wrong, tmp_path):
    path = tmp_path / file
    path.parent.mkdir(parents=True, exist_ok=True)
    path.touch()
    assert_it_asks_for(right, wrong, path)


def test_a_configuration_beside_the_file_says_it(tmp_path):
    path = tmp_path / "open_clip_pytorch_model.bin"
    path.touch()
    for quick, right, wrong in ((True, QUICK, GELU), (False, GELU, QUICK)):
        (tmp_path / "open_clip_config.json").write_text(json.dumps({"model_cfg": {"quick_gelu": quick}}))
        assert_it_asks_for(right, wrong, path)


def test_an_unknown_file_is_asked_about_before_anything_is_loaded(tmp_path):
    path = tmp_path / "weights.pt"
    path.touch()
    keys = {"encoder": "vit-b-32", "encoder_pretrained": str(path)}
    with pytest.raises(ConfigError, match="encoder_activation=gelu or encoder_activation=quickgelu"):
        build_encoder(load_config("VBPR", "toy", overrides=keys))
    with pytest.raises(ConfigError, match="encoder_model=ViT-B-32 is the model"):
        build_encoder(load_config("VBPR", "toy", overrides={**keys, "encoder_activation": "gelu"}))
    require_activation(QUICK, str(path), "quickgelu")
    with pytest.raises(ConfigError, match="must be one of gelu, quickgelu"):
        require_activation(QUICK, str(path), "relu")


def test_a_tag_of_the_other_activation_is_refused():
    require_activation(QUICK, "openai", None)
    require_activation(GELU, "laion2b_s34b_b79k", None)
    with pytest.raises(ConfigError, match="encoder_model=ViT-B-32-quickgelu is the model"):
        require_activation(GELU, "openai", None)


def test_a_model_of_one_activation_is_not_asked_about(tmp_path):
    path = tmp_path / "weights.pt"
    path.touch()
    for model in ("ptmrec-tiny", "convnext_base", "local-dir:somewhere"):
        require_activation(model, str(path), None)


def test_old_settings_keep_their_hash():
    """A run that was recorded before there was the key is the same run."""
    config = load_config("VBPR", "toy", overrides={"encoder": "vit-b-32"})
    old = {key: value for key, value in config.items() if key != "encoder_activation"}
    assert config.settings_sha() == type(config)(old, config.search, absent=config.absent).settings_sha()
    assert config.settings_sha() != config.replaced(encoder_activation="gelu").settings_sha()
