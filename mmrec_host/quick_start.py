"""The Python entry: train one model on one dataset and get the results back."""

from __future__ import annotations

import logging
import random
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from .config import Config, load_config
from .data.dataset import Dataset, load_dataset
from .data.features import Features
from .data.loader import TrainLoader
from .errors import ConfigError
from .evaluation.evaluator import evaluate
from .models.base import MODELS
from .processes import from_main
from .ranks import is_main, local_rank, n_local_processes, n_processes
from .reporting.environment import reset_peak_memory
from .reporting.follower import FollowedRecord
from .reporting.records import RunRecord, same_run
from .training.allocator import keep_freed_memory
from .training.checkpoint import Checkpoint
from .training.phases import phases_of, restore
from .training.trainer import Trainer

log = logging.getLogger(__name__)


@dataclass
class Result:
    """A finished run.

    Attributes:
        valid, test: metric@k -> value, at the best epoch by the validation split.
        model: in its best state, ready to score; None for a run that had finished before and kept no model.
        record: the run's folder.
    """

    valid: dict[str, float]
    test: dict[str, float]
    model: nn.Module | None
    record: RunRecord


def quick_start(
    model: str, dataset: str, config_dict: Mapping[str, Any] | None = None, save_model: bool | None = None
) -> Result:
    """Train `model` on `dataset` and score the test split once, at the best epoch.

    Args:
        config_dict: keys that win over the YAML files, as `key=value` does on the command line.
        save_model: keep the best state in the run folder; None leaves it to the key `save_model`.

    Raises:
        UserError: a message that says what is wrong and what to do.
    """
    MODELS.get(model)
    saving = {} if save_model is None else {"save_model": save_model}
    config = load_config(model, dataset, overrides={**(config_dict or {}), **saving})
    return run(config)


def resolve_device(config: Config) -> torch.device:
    """The device that the `device` key names; `auto` is CUDA where there is one."""
    name = str(config["device"])
    if name == "auto":
        name = "cuda" if torch.cuda.is_available() else "cpu"
    if n_processes() > 1 and name.startswith("cuda"):
        if name != "cuda" and n_local_processes() > 1 and name != f"cuda:{local_rank()}":
            raise ConfigError(f"device={name}: several processes need a GPU each. device=cuda gives them one each.")
        if local_rank() >= torch.cuda.device_count():
            raise ConfigError(
                f"{n_local_processes()} processes need a GPU each, here are {torch.cuda.device_count()}: start as many "
                "(--nproc_per_node), or say device=cpu."
            )
        name = f"cuda:{local_rank()}"
    try:
        device = torch.device(name)
    except RuntimeError as error:
        raise ConfigError(f"device={name!r}: must be auto, cpu, cuda or cuda:<number>.") from error
    if device.type == "cuda" and not torch.cuda.is_available():
        raise ConfigError(f"device={name}: torch sees no CUDA device here; device=auto takes what there is.")
    return device


def init_seed(seed: int) -> None:
    """Seed the global random states, which initial weights, dropout and MMRec's models draw from."""
    random.seed(seed)
    np.random.seed(seed % 2**32)
    torch.manual_seed(seed)


def build(
    config: Config, dataset: Dataset | None = None, features: Features | None = None
) -> tuple[Dataset, TrainLoader, nn.Module]:
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


def run(config: Config) -> Result:
    """Train, select, score once and record one model under one seed.

    With the key `resume`, an interrupted run of the same settings and seed goes on in its folder, and a finished one is
    not run again.
    """
    started = time.perf_counter()
    reset_peak_memory()
    root = Path(config["run_path"])
    earlier = find_earlier(root, config)
    if earlier is not None and earlier.info["status"] == "finished":
        return _finished_before(earlier, config)
    record = open_record(earlier, root, config)
    try:
        dataset, loader, model = build(config)
        construct = time.perf_counter() - started
        record.begin(config, protocol(config, dataset), loader.features.fingerprint, model)
        log.info("%s, seed %s: %s", config.label(), config["seed"], dataset.counts())
        checkpoint = Checkpoint(record.path / "resume.pt", record.identity(), config["checkpoint_interval"])
        trainer = Trainer(model, config, dataset.splits.valid, record.log_epoch, checkpoint)
        outcome = trainer.fit(phases_of(model, loader, config))
        test = evaluate(model, dataset.splits.test, config)
        total = outcome.seconds["before"] + time.perf_counter() - started
        seconds = {"total": total, "construct": construct, **outcome.seconds}
        if config["save_model"]:
            record.save_model(outcome.best.state, model)
            if hasattr(model, "save_extras") and is_main():
                model.save_extras(record.path)
        record.finish(outcome, test, seconds, columns=model.columns(outcome) if hasattr(model, "columns") else {})
        checkpoint.remove()
    except BaseException as error:
        record.fail(error)
        raise
    log.info("run folder: %s", record.path)
    return Result(outcome.best.valid.means, test.means, model, record)


def find_earlier(root: Path, config: Config) -> RunRecord | None:
    """With the key `resume`, the earlier run or search of the same settings and seed."""
    if not config["resume"]:
        return None
    path = from_main(lambda: (found := same_run(root, config)) and found.path)
    return None if path is None else RunRecord.load(path)


def open_record(earlier: RunRecord | None, root: Path, config: Config) -> RunRecord:
    """The record of a run or search: of an earlier one that goes on, or a new one; the main process writes it."""
    if is_main():
        if earlier is None:
            earlier = RunRecord.create(root, config)
        else:
            log.info("going on with %s", earlier.path)
            earlier.reopen()
    path = from_main(lambda: earlier.path)  # type: ignore[union-attr]
    return earlier if is_main() else FollowedRecord.load(path)  # type: ignore[return-value]


def _finished_before(record: RunRecord, config: Config) -> Result:
    """The result of a finished run, if its data and features are still the same."""
    log.info("finished already: %s", record.path)
    dataset, loader, model = build(config)
    record.check_same(protocol(config, dataset), loader.features.fingerprint)
    if is_main():
        (record.path / "resume.pt").unlink(missing_ok=True)  # of a process that was killed at its very end
    state = record.best_state()
    if state is not None:
        restore(model, state)
    return Result(record.info["best"]["valid"], record.info["test"], model if state is not None else None, record)


def protocol(config: Config, dataset: Dataset) -> dict[str, Any]:
    """What must be the same for two runs to stand in one table; what is as usual is not mentioned."""
    shown: dict[str, Any] = {"dataset": config["dataset"], "eval_mask": config["eval_mask"]}
    if not config["filter_out_cod_start_users"]:
        shown["filter_out_cod_start_users"] = False
    if config["cold_items"]:
        return shown | {key: config[key] for key in ("cold_items", "cold_seed", "cold_candidates")}
    return shown | {"split": dataset.splits.digest}
