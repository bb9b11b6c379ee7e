"""MMRec's side: an unmodified checkout's own loaders, models, trainer and evaluator."""

from __future__ import annotations

import os
import sys
import tempfile
from pathlib import Path
from typing import Any

from datasets import FIELDS, FILES
from measurements import Measurements

from mmrec_bridge.shims import mmrec_shims


def measure(case: dict[str, Any], measured: Measurements) -> None:
    """Construction, item graphs, negatives, and epochs with both evaluations.

    MMRec keeps item graphs beside the data and reads them again, so it works on links in a folder of its own.
    """
    folder = Path(case["folder"])
    source = Path(case["mmrec_home"]).resolve() / "src"
    with tempfile.TemporaryDirectory() as temporary, mmrec_shims():
        linked = Path(temporary) / folder.name
        linked.mkdir()
        for file in folder.iterdir():
            (linked / file.name).symlink_to(file.resolve())
        os.chdir(source)  # its YAML files are looked for here
        sys.path.insert(0, str(source))
        settings = FIELDS | FILES | {"inter_file_name": f"{folder.name}.inter", "data_path": f"{temporary}/"}
        settings |= {"use_gpu": False, **case["settings"], **case["mmrec"]}
        _measure(case, settings, folder.name, measured)


def _measure(case: dict[str, Any], settings: dict[str, Any], dataset: str, measured: Measurements) -> None:
    from common.trainer import Trainer
    from utils.configurator import Config
    from utils.dataloader import EvalDataLoader, TrainDataLoader
    from utils.dataset import RecDataset
    from utils.utils import get_model, init_seed

    config = Config(case["model"], dataset, settings)
    with measured.timed("read data"):
        splits = RecDataset(config).split()
        for split in splits:
            str(split)  # counts its rows, which the loaders need
        train = TrainDataLoader(config, splits[0], batch_size=config["train_batch_size"], shuffle=True)
        valid, test = (
            EvalDataLoader(config, split, additional_dataset=splits[0], batch_size=config["eval_batch_size"])
            for split in splits[1:]
        )
    init_seed(config["seed"])
    train.pretrain_setup()
    for _ in range(case["epochs"]):
        with measured.timed("loader"):
            for _ in train:
                pass
    model_class = get_model(case["model"])
    if case["item_graph"]:
        measured.watch(model_class, "get_knn_adj_mat", "item graph")
    with measured.timed("construct"):
        model = model_class(config, train)
    trainer = Trainer(config, model)
    for epoch in range(case["epochs"]):
        with measured.timed("train epoch"):
            model.pre_epoch_processing()
            trainer._train_epoch(train, epoch)
        for split in (valid, test):  # its `fit` scores both after each epoch
            with measured.timed("evaluation"):
                trainer._valid_epoch(split)
