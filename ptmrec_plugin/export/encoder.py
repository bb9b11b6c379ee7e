"""A run's encoder without adapter, in the formats of the libraries that it comes from, which load it alone.

The variant is folded into the weights, and q, k and v into one projection again.
"""

from __future__ import annotations

import json
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import open_clip
from open_clip.hf_model import HFTextEncoder
from open_clip.timm_model import TimmModel
from safetensors.torch import save
from torch import Tensor

from mmrec_host.errors import ConfigError
from mmrec_host.runs.finished_run import FinishedRun

from ..encoders.activation import CONFIG_FILE
from ..encoders.dual import DualEncoder
from ..encoders.sample_features import features
from ..encoders.sample_items import relative_error
from ..encoders.unfuse import refuse_state_dict
from ..items.tuned_encoder import not_tuned, tuned_encoder
from ..peft.base import Handle
from .formats import Write, bytes_file

WEIGHTS = "open_clip_model.safetensors"  # where open_clip looks for them in a folder
TIMM_WEIGHTS, HF_WEIGHTS, HF_CONFIG = "timm_model.safetensors", "model.safetensors", "config.json"
ROUNDING = 1e-4  # relative error of the same features, computed with fewer products
CARD = "README.md"


def encoder_files(run: FinishedRun) -> dict[str, Write]:
    """The encoder of the run's best state, and a card that says how to load it.

    Raises:
        ConfigError: that state reads frozen features, or its variant cannot be folded into weights.
    """
    tuned = tuned_encoder(run)
    if tuned is None:
        raise not_tuned(run)
    try:
        merge(tuned.handle)
    except ConfigError as error:
        raise ConfigError(
            f"{run.record.path}, peft={run.config['peft']}: {error} `ptmrec export adapter` has it as it is."
        ) from error
    return merged_files(tuned.encoder, str(run.config["peft"]), run.config["dataset"])


def merge(handle: Handle) -> None:
    """Fold the variant into the weights of its encoder; `ConfigError` if that cannot be, or gives other features."""
    before = features(handle.encoder)
    handle.merge()
    error = relative_error(features(handle.encoder), before)
    if not error < ROUNDING:
        raise ConfigError(f"folded into the weights, its features are {error:.2g} (relative) away from what they were.")


def merged_files(encoder: DualEncoder, variant: str, dataset: str) -> dict[str, Write]:
    """Files of an encoder that computes with its own weights alone.

    In open_clip's format if open_clip knows the model by name; else a Hugging Face text tower and a timm image tower
    in theirs; else the weights under open_clip's keys.
    """
    name, settings = _in_open_clip(encoder)
    text, visual = getattr(encoder.model, "text", None), encoder.model.visual
    if settings is None and isinstance(text, HFTextEncoder) and isinstance(visual, TimmModel):
        files = {TIMM_WEIGHTS: _weights(visual.trunk.state_dict()), **_hugging_face(text.transformer, encoder)}
        how = _BY_TOWER.format(dim=text.transformer.config.hidden_size)
    elif settings is None:
        files, how = {WEIGHTS: _weights(refuse_state_dict(encoder.model.state_dict()))}, _BY_STATE
    else:
        config = {"model_cfg": settings, "preprocess_cfg": _plain(getattr(visual, "preprocess_cfg", {}))}
        files = {
            WEIGHTS: _weights(refuse_state_dict(encoder.model.state_dict())),
            CONFIG_FILE: bytes_file(json.dumps(config, indent=1).encode()),
            **_tokenizer(getattr(encoder.tokenize, "tokenizer", None)),
        }
        how = _BY_NAME.format(name=name)
    said = f"# {encoder.name}, tuned on {dataset}\n\nThe peft variant {variant} is folded into the weights. {_ABOUT}"
    return {**files, CARD: bytes_file(f"{said}\n\n{how}".encode())}


def _in_open_clip(encoder: DualEncoder) -> tuple[str, dict[str, Any] | None]:
    """The name by which open_clip makes the model, and its settings; None if it knows none."""
    builder, _, rest = encoder.name.partition(":")
    name = rest.partition(":")[0]
    known = builder == "open_clip" and name in open_clip.list_models()
    return name, open_clip.get_model_config(name) if known else None


def _weights(state: Mapping[str, Tensor]) -> Write:
    tensors = {name: tensor.detach().cpu().contiguous().clone() for name, tensor in state.items()}
    return bytes_file(save(tensors, metadata={"format": "pt"}))


def _hugging_face(bert: Any, encoder: DualEncoder) -> dict[str, Write]:
    from transformers import AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(bert.config._name_or_path, trust_remote_code=False)
    tokenizer.model_max_length = encoder.identity["preprocessing"]["context_length"]
    settings = {**bert.config.to_diff_dict(), "architectures": [type(bert).__name__]}
    settings.pop("_name_or_path", None)
    files = {HF_WEIGHTS: _weights(bert.state_dict()), HF_CONFIG: bytes_file(json.dumps(settings, indent=1).encode())}
    return files | _tokenizer(tokenizer)


def _tokenizer(tokenizer: Any) -> dict[str, Write]:
    """The files of a tokenizer of Hugging Face's; of another, which comes with open_clip, none."""
    if not hasattr(tokenizer, "save_pretrained"):
        return {}
    with tempfile.TemporaryDirectory() as folder:
        tokenizer.save_pretrained(folder)
        return {path.name: bytes_file(path.read_bytes()) for path in sorted(Path(folder).iterdir())}


def _plain(settings: Mapping[str, Any]) -> dict[str, Any]:
    return {key: list(value) if isinstance(value, tuple) else value for key, value in settings.items()}


_ABOUT = (
    "What it computes are the towers' outputs; recommenders here read them centred and scaled by constants of the "
    "frozen features. A run that reads cached activations (`reuse_activations`) rounds them to half precision, so that "
    "its own features differ in the third digit."
)
_BY_NAME = f"""```python
import open_clip

model, preprocess = open_clip.create_model_from_pretrained("local-dir:.")  # this folder
tokenize = open_clip.get_tokenizer("local-dir:.")
texts = model.encode_text(tokenize(["a red mug"]))  # encode_image(preprocess(picture)[None])
```

`open_clip.create_model("{{name}}", pretrained="{WEIGHTS}")` makes the same network.
"""
_BY_TOWER = f"""Texts, from the mean over the tokens:

```python
from transformers import AutoModel, AutoTokenizer

tokens = AutoTokenizer.from_pretrained(".")(["a red mug"], padding=True, truncation=True, return_tensors="pt")
hidden = AutoModel.from_pretrained(".").eval()(**tokens).last_hidden_state  # [n, length, {{dim}}]
mask = tokens.attention_mask[..., None]
texts = (hidden * mask).sum(1) / mask.sum(1)
```

Images, `{TIMM_WEIGHTS}`: pooled features of a network of timm's without its classifier.
"""
_BY_STATE = f"""`{WEIGHTS}` has the weights under open_clip's keys, for the model that the encoder is made of:
`model.load_state_dict(safetensors.torch.load_file("{WEIGHTS}"))`.
"""
