"""Code that comes with a model is not run: harmless code that would leave a file, where it could stand."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import open_clip
import pytest
import torch
import transformers.dynamic_module_utils as dynamic
from safetensors.torch import save_file

from mmrec_host.config import load_config
from mmrec_host.errors import ConfigError
from ptmrec_plugin.encoders.build import build_encoder
from ptmrec_plugin.encoders.open_clip_towers import TINY

OF_TOKENIZER = {"tokenizer_class": "Foreign", "auto_map": {"AutoTokenizer": ["foreign.Foreign", None]}}
OF_MODEL = {"AutoConfig": "foreign.Foreign", "AutoModel": "foreign.Foreign"}


@pytest.fixture
def marker(tmp_path: Path, monkeypatch) -> Path:
    """The file that the foreign code leaves, if it is run."""
    monkeypatch.setattr(dynamic, "HF_MODULES_CACHE", str(tmp_path / "modules"))
    monkeypatch.setattr(sys, "path", [*sys.path])
    return tmp_path / "it ran"


def model_folder(home: Path, marker: Path, text: dict[str, object], **files: object) -> Path:
    """A folder with a tiny CLIP for open_clip's `local-dir:`, whose module `foreign` would leave the marker."""
    folder = home / "model"
    folder.mkdir()
    settings = {"model_cfg": {**TINY, "text_cfg": {**TINY["text_cfg"], **text}}, "preprocess_cfg": {}}
    (folder / "open_clip_config.json").write_text(json.dumps(settings))
    save_file(open_clip.CLIP(**TINY).state_dict(), folder / "open_clip_model.safetensors")
    code = f"open({str(marker)!r}, 'w').close()\nclass Foreign:\n    pass\n"
    (folder / "foreign.py").write_text(code)
    for name, content in files.items():
        (folder / f"{name}.json").write_text(json.dumps(content))
    return folder


def build(folder: Path):
    keys = {"encoder": "vit-b-32", "encoder_model": f"local-dir:{folder}", "encoder_pretrained": None}
    return build_encoder(load_config("VBPR", "toy", overrides=keys))


TRUSTING = {"hf_tokenizer_name": "itself", "tokenizer_kwargs": {"trust_remote_code": True}}


def test_a_tokenizer_whose_own_settings_ask_to_be_trusted_is_refused(tmp_path, marker):
    folder = model_folder(tmp_path, marker, TRUSTING, config={}, tokenizer_config=OF_TOKENIZER)
    with pytest.raises(ConfigError, match=r"model: this model brings code of its own.*never run here"):
        build(folder)
    assert not marker.exists()
    with pytest.raises(AttributeError):  # what open_clip alone does, so that the marker means something
        open_clip.get_tokenizer(f"local-dir:{folder}")
    assert marker.exists()


@pytest.mark.parametrize("kind", ["bert", "foreign"])
def test_a_text_tower_with_code_is_refused_whether_or_not_transformers_know_its_kind(tmp_path, marker, kind):
    text = {"hf_model_name": str(tmp_path / "model"), "hf_pooler_type": "mean_pooler"}
    folder = model_folder(tmp_path, marker, text, config={"model_type": kind, "auto_map": OF_MODEL})
    with pytest.raises(ConfigError, match="brings code of its own"):
        build(folder)
    assert not marker.exists()


def test_what_is_caught_on_the_way_is_refused_all_the_same(tmp_path, marker, monkeypatch):
    def careless(config):
        try:
            return open_clip.get_tokenizer(f"local-dir:{tmp_path / 'model'}")
        except Exception:
            return "something else"

    model_folder(tmp_path, marker, TRUSTING, config={}, tokenizer_config=OF_TOKENIZER)
    monkeypatch.setattr("ptmrec_plugin.encoders.build.ENCODERS.get", lambda name: careless)
    with pytest.raises(ConfigError, match="brings code of its own"):
        build(tmp_path / "model")
    assert not marker.exists()


def test_a_folder_without_code_is_an_encoder_and_transformers_are_as_they_were(tmp_path, marker):
    before = dynamic.get_class_in_module
    folder = model_folder(tmp_path, marker, {})
    assert build(folder).towers["t"].n_blocks == 3
    assert dynamic.get_class_in_module is before


def test_weights_that_are_a_pickle_of_more_than_weights_are_refused(tmp_path, marker):
    class Foreign:
        def __reduce__(self):
            return open, (str(marker), "w")

    torch.save({"state_dict": Foreign()}, tmp_path / "weights.pt")
    keys = {"encoder": "tiny", "encoder_pretrained": str(tmp_path / "weights.pt")}
    with pytest.raises(ConfigError, match="cannot load"):
        build_encoder(load_config("VBPR", "toy", overrides=keys))
    assert not marker.exists()
