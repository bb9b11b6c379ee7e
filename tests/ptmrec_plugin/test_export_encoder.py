"""`ptmrec export encoder`: open_clip, Hugging Face and timm alone load it, and compute the run's features."""

from __future__ import annotations

import json
from pathlib import Path

import open_clip
import pytest
import torch
from PIL import Image
from safetensors.torch import load_file

from mmrec_host.errors import ConfigError
from mmrec_host.runs.finished_run import open_run
from ptmrec_plugin.encoders.dual import DualEncoder
from ptmrec_plugin.encoders.offline import TIMM_NAME
from ptmrec_plugin.encoders.sample_features import features, sample_inputs
from ptmrec_plugin.encoders.sample_items import TEXTS, relative_error
from ptmrec_plugin.export.encoder import merge, merged_files
from ptmrec_plugin.export.files import write_files
from ptmrec_plugin.items.tuned_encoder import tuned_encoder
from ptmrec_plugin.testing.variants import apply_variant, new_optimizer, train_steps, variant_config

CLOSE = 1e-5


def tuned(variant: str, encoder: str, **keys: object) -> DualEncoder:
    """An encoder that the variant has been folded into after a few steps."""
    handle = apply_variant(variant_config(variant, encoder, **keys), ["v", "t"])
    frozen = features(handle.encoder)
    train_steps(handle, new_optimizer(handle), 3)
    merge(handle)
    assert relative_error(features(handle.encoder), frozen) > 1e-3
    return handle.encoder


@torch.no_grad()
def by_open_clip(model: torch.nn.Module, tokenize: object, pixels: torch.Tensor) -> dict[str, torch.Tensor]:
    return {"v": model.eval().encode_image(pixels), "t": model.encode_text(tokenize(list(TEXTS)))}


def test_open_clip_alone_loads_a_run_s_encoder(finished, ptmrec, tmp_path):
    run = open_run(finished("tuned"))
    code, out, _ = ptmrec("export", "encoder", "--run", run.record.path, "--to", tmp_path)
    assert code == 0 and "open_clip_model.safetensors" in out
    encoder = tuned_encoder(run).encoder
    pixels, expected = sample_inputs(encoder)["v"], features(encoder)
    model, preprocess = open_clip.create_model_from_pretrained(f"local-dir:{tmp_path}")
    tokenize = open_clip.get_tokenizer(f"local-dir:{tmp_path}")
    assert relative_error(by_open_clip(model, tokenize, pixels), expected) < CLOSE
    picture = Image.linear_gradient("L").convert("RGB").resize((50, 40))
    assert torch.equal(preprocess(picture), encoder.preprocess(picture))
    named = open_clip.create_model("ptmrec-tiny", pretrained=str(tmp_path / "open_clip_model.safetensors"))
    assert relative_error(by_open_clip(named, tokenize, pixels), expected) < CLOSE


@pytest.mark.parametrize("variant", ["dora", "ia3", "last_k", "lokr"])
def test_variants_that_can_be_merged_are(variant, tmp_path):
    encoder = tuned(variant, "tiny")
    write_files(tmp_path, merged_files(encoder, variant, "toy"), force=False)
    model = open_clip.create_model(f"local-dir:{tmp_path}")
    found = by_open_clip(model, encoder.tokenize, sample_inputs(encoder)["v"])
    assert relative_error(found, features(encoder)) < CLOSE


def test_the_towers_of_the_offline_encoder_load_with_hugging_face_and_timm_alone(tmp_path, monkeypatch):
    import timm

    encoder = tuned("lora", "offline")
    write_files(tmp_path, merged_files(encoder, "lora", "toy"), force=False)
    trunk = timm.create_model(TIMM_NAME, pretrained=False, num_classes=0).eval()
    trunk.load_state_dict(load_file(tmp_path / "timm_model.safetensors"))
    monkeypatch.chdir(tmp_path)
    scope: dict = {}
    snippet = (tmp_path / "README.md").read_text().split("```python\n")[1].split("```")[0]
    exec(snippet.replace('["a red mug"]', repr(list(TEXTS))), scope)  # noqa: S102
    with torch.no_grad():
        found = {"v": trunk(sample_inputs(encoder)["v"]), "t": scope["texts"].detach()}
    assert relative_error(found, features(encoder)) < CLOSE
    assert str(Path.home()) not in (tmp_path / "config.json").read_text()
    assert json.loads((tmp_path / "tokenizer_config.json").read_text())["model_max_length"] <= 512


def test_an_encoder_that_no_library_knows_by_name_gives_weights_under_open_clip_s_keys(tmp_path):
    encoder = tuned("lora", "tiny")
    encoder.name = "mine:of a plugin"
    write_files(tmp_path, merged_files(encoder, "lora", "toy"), force=False)
    model = open_clip.create_model("ptmrec-tiny")
    model.load_state_dict(load_file(tmp_path / "open_clip_model.safetensors"))
    found = by_open_clip(model, encoder.tokenize, sample_inputs(encoder)["v"])
    assert relative_error(found, features(encoder)) < CLOSE
    assert sorted(path.name for path in tmp_path.iterdir()) == ["README.md", "open_clip_model.safetensors"]


REASONS = {"prompt": "tokens", "prefix": "keys and values", "side": "beside", "adapter": "between"}


@pytest.mark.parametrize(("variant", "said"), REASONS.items())
def test_variants_that_cannot_be_merged_say_why(variant, said):
    with pytest.raises(ConfigError, match=f"cannot be merged.*{said}"):
        merge(apply_variant(variant_config(variant, "tiny"), ["v", "t"]))


def test_runs_without_a_mergeable_adapter_are_refused_and_leave_nothing(finished, ptmrec, tmp_path):
    for name, said in (("tuned, own variant", "peft=adapter: it cannot be merged"), ("frozen", "no tuned adapter")):
        code, _, err = ptmrec("export", "encoder", "--run", finished(name), "--to", tmp_path)
        assert code == 2 and said in err and list(tmp_path.iterdir()) == []
