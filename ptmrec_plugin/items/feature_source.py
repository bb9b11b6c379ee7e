"""The feature source `encoder`: frozen features of raw images and texts, the same for every model."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

from mmrec_host.data.features import FEATURES, Features, wanted_modalities
from mmrec_host.errors import DataError

from .item_encoder import ItemEncoder, encoder_identity


@FEATURES.register("encoder")
def encoder_features(config: Any, folder: Path, n_items: int) -> Features:
    """Frozen features of the encoder that the `encoder` key names, from `images/` and `items.jsonl` in the dataset
    folder.

    Raises:
        DataError: the folder has no raw images and texts; the message says what it has and what to do.
    """
    require_raw_content(config, folder)
    items = ItemEncoder(config, folder, n_items)
    tables = {}
    for modality in wanted_modalities(config):
        pooled = items.pooled(modality)
        tables[modality] = items.transform(modality)(pooled)
    shown = {
        "identity": encoder_identity(config),
        "content": items.content.digest,
        "gap": config["planted_gap"],
        "norm": config["feature_norm"],
    }
    digest = hashlib.sha256(json.dumps(shown, sort_keys=True).encode()).hexdigest()[:12]
    return Features(**tables, fingerprint=f"encoder:{config['encoder']}:{digest}")


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
