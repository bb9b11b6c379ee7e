"""The embedded host's side: its own loader, model, trainer and evaluation, through their public calls."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from measurements import Measurements, clock

from mmrec_host.config import Config, load_config
from mmrec_host.data.dataset import Dataset, load_dataset
from mmrec_host.data.features import Features
from mmrec_host.device import resolve_device
from mmrec_host.models import freedom
from mmrec_host.runs.build import build
from mmrec_host.training.options import TrainingOptions
from mmrec_host.training.phases import phases_of
from mmrec_host.training.trainer import Trainer


def configuration(case: dict[str, Any]) -> Config:
    """The host's configuration of a case."""
    folder = Path(case["folder"])
    fixed = {"data_path": str(folder.parent), "features": "files", "progress": False, "device": "cpu"}
    config = load_config(case["model"], folder.name, overrides=fixed | case["settings"] | case["ours"])
    config["device"] = resolve_device(config)
    return config


def load(config: Config, measured: Measurements) -> tuple[Dataset, Features]:
    """The dataset and the model's features."""
    with measured.timed("read data"):
        dataset = load_dataset(config)
        features = dataset.features(config)
    return dataset, features


def measure(case: dict[str, Any], measured: Measurements) -> None:
    """Construction, item graphs, negatives, and epochs with their evaluations."""
    config = configuration(case)
    dataset, features = load(config, measured)
    if case["item_graph"]:
        measured.watch(freedom, "cosine_neighbours", "item graph")
    with measured.timed("construct"):
        _, loader, model = build(config, dataset, features)
    for epoch in range(case["epochs"]):
        with measured.timed("loader"):
            for _ in loader.epoch(epoch):
                pass
    epochs(model, loader, config, dataset, case["epochs"], measured)


def epochs(model: Any, loader: Any, config: Config, dataset: Dataset, n: int, measured: Measurements) -> None:
    """Train as `ptmrec run` does; what the trainer does around an epoch (keeping the best state) counts to it."""
    last = clock()

    def mark(step: str) -> None:
        nonlocal last
        now = clock()
        measured.add(step, now[0] - last[0], now[1] - last[1])
        last = clock()

    (phase,) = phases_of(model, loader, config)
    phase.epochs = phase.patience = n
    phase.before_evaluation = lambda: mark("train epoch")  # type: ignore[method-assign]
    options = TrainingOptions.from_config(config)
    Trainer(model, options, dataset.splits.valid, on_epoch=lambda line: mark("evaluation")).fit([phase])
