"""Finished runs of a study's cells with users' metrics that a test has chosen."""

from __future__ import annotations

from collections.abc import Mapping
from types import SimpleNamespace
from typing import Any

import numpy as np
import torch

from mmrec_host.config import Config
from mmrec_host.evaluation.evaluator import Evaluation
from mmrec_host.runs.record import RunRecord
from run_tools.study.cells import Cell


def finish(cell: Cell, users: Mapping[str, list[float]], columns: Mapping[str, Any] | None = None) -> RunRecord:
    """A finished run of a cell.

    Args:
        users: `recall@5`, or `new/recall@5` of a ranking beside it -> a value for each of users 0, 1, …
    """
    config: Config = cell.config
    record = RunRecord.create(config["run_path"], config)
    record.begin(config, {"dataset": config["dataset"]}, "f00d", torch.nn.Linear(3, 2))
    test = _evaluation("", users)
    for ranking in dict.fromkeys(key.partition("/")[0] for key in users if "/" in key):
        test.beside[ranking] = _evaluation(f"{ranking}/", users)
    outcome = SimpleNamespace(best=SimpleNamespace(phase="train", epoch=1, valid=test), notes=[])
    record.finish(outcome, test, {"total": 60.0}, columns or {})
    return record


def _evaluation(prefix: str, users: Mapping[str, list[float]]) -> Evaluation:
    own = {key.removeprefix(prefix): np.array(values, float) for key, values in users.items() if key.startswith(prefix)}
    own = {key: values for key, values in own.items() if "/" not in key}
    n_users = len(next(iter(own.values())))
    return Evaluation("test", np.arange(n_users), own, {key: float(values.mean()) for key, values in own.items()})
