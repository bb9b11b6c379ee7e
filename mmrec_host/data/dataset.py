"""A dataset folder: found, made if a maker can make it, and read."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..errors import DataError
from ..processes import main_first
from ..registry import Registry
from .features import Features, load_features
from .interactions import Interactions, read_interactions
from .loader import TrainLoader
from .splits import Splits, make_splits

MAKERS = Registry("dataset maker", group="mmrec.datasets")
"""Name -> `make(folder, config)`: makes a missing folder; `DataError` if the one there was made otherwise."""


@dataclass(frozen=True)
class Dataset:
    """Interactions and splits of one dataset under one protocol."""

    name: str
    folder: Path
    interactions: Interactions
    splits: Splits

    def features(self, config: Any) -> Features:
        """Item features for the model that `config` configures; none for a model that reads none."""
        if config["is_multimodal_model"] is False:
            return Features()
        return load_features(config, self.folder, self.interactions.n_items)

    def train_loader(self, config: Any, features: Features) -> TrainLoader:
        """The training loader of one model."""
        data = self.interactions
        return TrainLoader(
            config, self.splits.train_users, self.splits.train_items, data.n_users, data.n_items, features
        )

    def counts(self) -> dict[str, int]:
        """Numbers of users, items, and rows of each split."""
        data, splits = self.interactions, self.splits
        return {
            "users": data.n_users,
            "items": data.n_items,
            "train": len(splits.train_users),
            "valid": len(splits.valid.positives.values),
            "test": len(splits.test.positives.values),
        }


def dataset_folder(config: Any) -> Path:
    """The folder of a dataset; if it is missing, the maker that the `dataset_maker` key names makes it.

    Raises:
        DataError: there is no such folder and no maker.
    """
    folder = Path(config["data_path"]) / config["dataset"]
    if config["dataset_maker"]:
        with main_first():
            MAKERS.get(config["dataset_maker"])(folder, config)
    if not folder.is_dir():
        raise DataError(
            f"dataset {config['dataset']!r}: there is no folder {folder}. It must hold {config['dataset']}.inter in "
            "MMRec's layout (userID, itemID, x_label, tab-separated) and, for PTMRec, images/<itemID>.* and "
            "items.jsonl. If it lies elsewhere, say data_path=FOLDER; `-d mini` needs no data: it is generated."
        )
    return folder


def load_dataset(config: Any) -> Dataset:
    """Read the dataset that `config` names."""
    folder = dataset_folder(config)
    path = folder / (config["inter_file_name"] or f"{config['dataset']}.inter")
    interactions = read_interactions(path, config)
    return Dataset(config["dataset"], folder, interactions, make_splits(interactions, config))
