"""From a resolved configuration to dataset, loader and model."""

from __future__ import annotations

from typing import Any

import torch

from ..config import Config
from ..data.dataset import Dataset, load_dataset
from ..data.features import Features
from ..data.loader import TrainLoader
from ..device import resolve_device
from ..models.base import MODELS
from ..models.contract import ChecksConfig, Model
from ..random_states import init_seed
from ..training.allocator import keep_freed_memory


def require_sound(config: Config) -> None:
    """Refuse, before anything is read or computed, what the model knows cannot work; `ConfigError`."""
    model = MODELS.get(config["model"])
    if isinstance(model, ChecksConfig):
        model.check(config.replaced(device=resolve_device(config)))


def build(
    config: Config, dataset: Dataset | None = None, features: Features | None = None
) -> tuple[Dataset, TrainLoader, Model]:
    """Dataset, training loader and freshly initialised model of a resolved configuration.

    Args:
        dataset, features: if they have been read already.
    """
    keep_freed_memory()
    config["device"] = resolve_device(config)
    if config["device"].type == "cuda":
        torch.cuda.set_device(config["device"])
    if config["threads"]:
        torch.set_num_threads(int(config["threads"]))
    init_seed(int(config["seed"]))
    dataset = dataset or load_dataset(config)
    loader = dataset.train_loader(config, features or dataset.features(config))
    init_seed(int(config["seed"]))  # the same initial weights, whether features were computed or read
    model = MODELS.get(config["model"])(config, loader).to(config["device"])
    return dataset, loader, model


def protocol(config: Config, dataset: Dataset) -> dict[str, Any]:
    """What must be the same for two runs to stand in one table; what is as usual is not mentioned."""
    shown: dict[str, Any] = {"dataset": config["dataset"], "eval_mask": config["eval_mask"]}
    if not config["filter_out_cod_start_users"]:
        shown["filter_out_cod_start_users"] = False
    drawn = ("new_items",) if config["new_items"] else ("cold_items", "cold_candidates") if config["cold_items"] else ()
    if not drawn:
        return shown | {"split": dataset.splits.digest}
    shown |= {key: config[key] for key in (*drawn, "cold_seed")}
    return shown | {"data": dataset.interactions.digest()}  # each seed may draw items, and so a split, of its own
