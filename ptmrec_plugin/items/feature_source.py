"""The feature source `encoder`: frozen features of raw images and texts, the same for every model."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from mmrec_host.data.features import Features, wanted_modalities
from mmrec_host.errors import DataError
from mmrec_host.runs.finished_run import FinishedRun

from ..encoders.build import encoder_identity
from .item_encoder import ItemEncoder
from .tuned_encoder import tuned_encoder


class EncoderFeatures:
    """Frozen features of the encoder that the `encoder` key names, from `images/` and `items.jsonl` in the folder."""

    def __call__(self, config: Any, folder: Path, n_items: int) -> Features:
        """The features of a dataset's items.

        Raises:
            DataError: the folder has no raw images and texts; the message says what it has and what to do.
        """
        require_raw_content(config, folder)
        items = ItemEncoder(config, folder, n_items)
        tables = {modality: items.transform(modality)(items.pooled(modality)) for modality in wanted_modalities(config)}
        shown = {
            "identity": encoder_identity(config),
            "content": items.content.digest,
            "gap": config["planted_gap"],
            "norm": config["feature_norm"],
        }
        if "v" in tables and items.content.pixels > 1:
            shown["pixels"] = items.content.pixels
        digest = hashlib.sha256(json.dumps(shown, sort_keys=True).encode()).hexdigest()[:12]
        return Features(**tables, fingerprint=f"encoder:{config['encoder']}:{digest}")

    def new_item_encoder(self, run: FinishedRun) -> Callable[[Mapping[str, str | bytes]], dict[str, Tensor]]:
        """Encodes an item's text ("t") and picture ("v"), by the run's encoder with its trained adapter."""
        items = ItemEncoder(run.config, run.dataset.folder, run.dataset.interactions.n_items)
        tuned = tuned_encoder(run)
        plain = items.encoder if tuned is None else tuned.encoder
        transforms = {modality: items.transform(modality) for modality in wanted_modalities(run.config)}

        @torch.no_grad()
        def encode(raw: Mapping[str, str | bytes]) -> dict[str, Tensor]:
            features = {}
            for modality, content in raw.items():
                inputs = plain.tokens([content]) if isinstance(content, str) else plain.pixels([content])
                pooled = (tuned or plain).encode(modality, inputs.to(run.config["device"]))
                features[modality] = transforms[modality](pooled.float())[0]
            return features

        return encode


encoder_features = EncoderFeatures()


def require_raw_content(config: Any, folder: Path) -> None:
    """`DataError` if there are no raw images and texts to encode."""
    if (folder / "images").is_dir() or (folder / "items.jsonl").is_file():
        return
    npy = [
        name
        for name in (config["vision_feature_file"], config["text_feature_file"])
        if name and (folder / name).is_file()
    ]
    has = (
        f"only has features that somebody else extracted ({', '.join(npy)})"
        if npy
        else "has neither raw images and texts nor .npy features"
    )
    say = "features=files runs the other models on them; " if npy else ""
    raise DataError(
        f"{folder} {has}. {config['model']} with features=encoder needs images/<itemID>.* and items.jsonl (one line an "
        f"item: itemID, title, text) there. {say}interaction-only models (BPR, LightGCN) need no features."
    )
