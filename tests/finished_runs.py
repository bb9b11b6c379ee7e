"""Run folders as a training run leaves them, for the tests of records and tables."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import torch

from mmrec_host.config import Config
from mmrec_host.evaluation.evaluator import Evaluation
from mmrec_host.runs.record import RunRecord


def evaluation(split: str, per_user: dict[str, np.ndarray], users: np.ndarray | None = None) -> Evaluation:
    n_users = len(next(iter(per_user.values())))
    users = np.arange(n_users) if users is None else users
    return Evaluation(split, users, per_user, {name: float(values.mean()) for name, values in per_user.items()})


def created_run(root: Path, label: str, dataset: str = "toys") -> RunRecord:
    return RunRecord.create(root, Config({"model": label, "dataset": dataset, "seed": 1}))


def begun_run(
    root: Path, label: str, seed: int = 1, protocol: dict[str, Any] | None = None, **settings: Any
) -> RunRecord:
    config = Config({"model": label, "dataset": "toys", "seed": seed, "valid_metric": "Recall@20", **settings})
    record = RunRecord.create(root, config)
    record.begin(config, protocol or {"dataset": "toys", "eval_mask": "train"}, "f00d", torch.nn.Linear(3, 2))
    return record


def finished_run(
    root: Path,
    label: str,
    per_user: dict[str, np.ndarray],
    seed: int = 1,
    columns: dict[str, Any] | None = None,
    seconds: float = 9.5,
    users: np.ndarray | None = None,
    **begun: Any,
) -> RunRecord:
    record = begun_run(root, label, seed, **begun)
    valid = evaluation("valid", per_user, users)
    best = SimpleNamespace(phase="train", epoch=2, valid=valid)
    for epoch in (1, 2, 3):
        record.log_epoch({"phase": "train", "epoch": epoch, "loss": {"loss": 1 / epoch}, "valid": valid.means})
    outcome = SimpleNamespace(best=best, notes=[])
    record.finish(outcome, evaluation("test", per_user, users), {"total": seconds, "train": 1.0}, columns or {})
    return record
