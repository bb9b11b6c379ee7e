"""Where item features come from: a registry of sources, the `.npy` files of MMRec among them."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ..errors import ConfigError, DataError
from ..registry import Registry
from .array_files import read_array

FEATURES = Registry("feature source", group="mmrec.features")
MODALITIES = {"v": "image", "t": "text"}


@dataclass(frozen=True)
class Features:
    """Frozen item features.

    Attributes:
        v: float32 [n_items, d] of the images, or None without them.
        t: float32 [n_items, d] of the texts, or None without them.
        fingerprint: names the source and the content, so that what is derived from features can be told apart.
    """

    v: Tensor | None = None
    t: Tensor | None = None
    fingerprint: str = "none"

    def tables(self) -> dict[str, Tensor]:
        """Modality -> features [n_items, d], without absent modalities."""
        return {m: x for m in MODALITIES if (x := getattr(self, m)) is not None}

    def to(self, device: torch.device) -> Features:
        """A copy of the features on `device`."""
        return Features(**{m: x.to(device) for m, x in self.tables().items()}, fingerprint=self.fingerprint)


@FEATURES.register("files")
def file_features(config: Any, folder: Path, n_items: int) -> Features:
    """MMRec's image_feat.npy and text_feat.npy in the dataset folder, as they are."""
    names = {"v": config["vision_feature_file"], "t": config["text_feature_file"]}
    tables: dict[str, Tensor] = {}
    sha = hashlib.sha256()
    for modality in wanted_modalities(config):
        path = folder / str(names[modality])
        if not path.exists():
            raise DataError(
                f"{path}: there is no such file. features=files needs it; with one modality only, say modalities=[t] "
                "or modalities=[v]; raw images and texts are encoded with features=encoder."
            )
        array = read_array(path)
        with np.errstate(over="ignore"):  # what is too large for float32 is infinite, and refused by `load_features`
            array = array.astype(np.float32, copy=False)
        tables[modality] = torch.from_numpy(np.ascontiguousarray(array))
        sha.update(modality.encode())
        sha.update(tables[modality].numpy().data)  # as a buffer: bytes would be two more copies of the table
    return Features(**tables, fingerprint=f"files:{sha.hexdigest()[:16]}")


def wanted_modalities(config: Any) -> list[str]:
    """The modalities that the `modalities` key asks for."""
    wanted = config["modalities"]
    wanted = [wanted] if isinstance(wanted, str) else wanted
    if not wanted or set(wanted) - set(MODALITIES):
        raise ConfigError(f"modalities={config['modalities']!r}: must be a list of v (image) and t (text).")
    return list(dict.fromkeys(wanted))


def shuffled_order(config: Any, n_items: int) -> Tensor | None:
    """Whose features each row holds, int64 [n_items], under the control `shuffle_features`; None without it."""
    if not config["shuffle_features"]:
        return None
    return torch.randperm(n_items, generator=torch.Generator().manual_seed(int(config["seed"])))


def load_features(config: Any, folder: Path, n_items: int) -> Features:
    """Features of the source that the `features` key names, checked against the items.

    `shuffle_features` permutes the rows with the run's seed: the control that tells content from mere parameters.

    Raises:
        DataError: a table with the wrong shape, or with an entry that is NaN, infinite, or squared so in float32.
    """
    features = FEATURES.get(config["features"])(config, folder, n_items)
    if not isinstance(features, Features):
        raise ConfigError(f"features={config['features']}: gave {type(features).__name__} where Features are expected.")
    for modality, table in features.tables().items():
        name = f"{MODALITIES[modality]} features of {folder.name} (features={config['features']})"
        if table.ndim != 2 or len(table) != n_items or not table.shape[1]:
            raise DataError(
                f"{name}: shape {list(table.shape)}, but {n_items} items need [{n_items}, d], d 1 or more. Row i must "
                "be item i; `ptmrec prepare` brings rows with raw ids into that order (--image-features FILE "
                "--feature-ids FILE)."
            )
        bad = torch.nonzero(~torch.isfinite(torch.einsum("nd,nd->n", table, table))).flatten()
        if len(bad):
            raise DataError(
                f"{name}: {len(bad)} item(s) have entries that are NaN, infinite or, squared, too large for float32; "
                f"the first is item {bad[0].item()}. `ptmrec prepare` fills rows that are not finite by the mean "
                "(--image-features FILE --feature-ids FILE)."
            )
    order = shuffled_order(config, n_items)
    if order is not None:
        shuffled = {m: table[order] for m, table in features.tables().items()}
        features = replace(features, **shuffled, fingerprint=f"{features.fingerprint}:shuffled{config['seed']}")
    return features.to(config["device"])
