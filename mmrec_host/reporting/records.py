"""Run records: the folder that each run leaves, from which tables, tests and curves are made.

`<root>/<dataset>/<run id>/` holds
    run.json         what was run and what came out
    config.yaml      the resolved configuration
    epochs.jsonl     a line an epoch
    per_user.npz     each user's metrics at the best epoch, on the test split and, under `valid/`, on validation
    log.txt          what was logged
    checkpoint.pt    the best state
    curve.png        the validation metric by epoch, where matplotlib is installed
"""

from __future__ import annotations

import json
import logging
import math
import os
import re
import zipfile
import zlib
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime, timezone
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

import numpy as np
import torch
from torch import Tensor, nn

from ..errors import DataError
from ..evaluation.evaluator import Evaluation
from .curves import draw_curve
from .environment import environment, peak_memory

if TYPE_CHECKING:
    from ..config import Config
    from ..training.trainer import Outcome

log = logging.getLogger(__name__)

SCHEMA_VERSION = 1
STATUSES = ("running", "finished", "failed")


class RunRecord:
    """One run's folder. Made by `create` or `load`.

    Attributes:
        path: the folder.
        info: what run.json holds. From the start `status`, `label`, `dataset`, `seed`, `started`, `notes`; after
            `begin` also `model`, `valid_metric`, `protocol`, `features`, `settings_sha`, `parameters`, `environment`;
            after `finish` also `best`, `test`, `seconds`, `columns`, `peak_memory_mb`; after `fail` also `error`.
    """

    def __init__(self, path: Path, info: dict[str, Any]) -> None:
        self.path, self.info = path, info
        self._log_file: logging.Handler | None = None

    @classmethod
    def create(cls, root: Path, dataset: str, label: str, seed: int) -> RunRecord:
        """Make the folder of a run that begins now; from here to `finish` or `fail` the log is also written there."""
        now = datetime.now(timezone.utc)  # noqa: UP017 (Python 3.10)
        name = f"{_slug(label)}-s{seed}-{now:%Y%m%d-%H%M%S}"
        path = _new_folder(Path(root) / _slug(dataset), name)
        record = cls(
            path,
            {
                "schema_version": SCHEMA_VERSION,
                "status": "running",
                "label": label,
                "dataset": dataset,
                "seed": seed,
                "started": now.isoformat(timespec="microseconds"),
                "notes": [],
            },
        )
        record._write_info()
        record._log_file = logging.FileHandler(path / "log.txt", encoding="utf-8", delay=True)
        record._log_file.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(name)s: %(message)s"))
        logging.getLogger().addHandler(record._log_file)
        return record

    @classmethod
    def load(cls, folder: Path) -> RunRecord:
        """Read a run's folder.

        Raises:
            DataError: run.json is missing, half-written, of a newer version, or lacks what every run has.
        """
        file = Path(folder) / "run.json"
        try:
            info = json.loads(file.read_text(encoding="utf-8"))
        except (OSError, ValueError) as error:
            raise DataError(f"{file}: cannot be read as a run record: {error}") from error
        version = info.get("schema_version") if isinstance(info, dict) else None
        if not isinstance(version, int):
            raise DataError(f"{file}: no run record: it has no schema_version")
        if version > SCHEMA_VERSION:
            raise DataError(
                f"{file}: written by a newer version of this program (schema_version {version}, this one reads up to "
                f"{SCHEMA_VERSION}). Update the program, or move the folder away."
            )
        required = ["status", "label", "dataset", "seed", "started"]
        if info.get("status") == "finished":
            required += ["protocol", "settings_sha", "test", "seconds", "parameters"]
        missing = [key for key in required if key not in info]
        if missing:
            raise DataError(f"{file}: incomplete run record, it lacks {', '.join(missing)}")
        if info["status"] not in STATUSES:
            raise DataError(f"{file}: status {info['status']!r} is none of {', '.join(STATUSES)}")
        return cls(Path(folder), info)

    def begin(self, config: Config, protocol: Mapping[str, Any], features: str, model: nn.Module) -> None:
        """Note what is run.

        Args:
            config: written to config.yaml.
            protocol: what must be the same for two runs to stand in one table.
            features: fingerprint of the item features.
            model: its parameters are counted.
        """
        _write(self.path / "config.yaml", lambda file: file.write(config.to_yaml().encode()))
        self.info |= {
            "model": config["model"],
            "valid_metric": config["valid_metric"].lower(),
            "protocol": dict(protocol),
            "features": features,
            "settings_sha": config.settings_sha(),
            "parameters": count_parameters(model),
            "environment": environment(),
        }
        self._write_info()

    def log_epoch(self, line: Mapping[str, Any]) -> None:
        """Append a line to epochs.jsonl: `phase`, `epoch`, and plain values such as `loss` and `valid`."""
        with (self.path / "epochs.jsonl").open("a", encoding="utf-8") as file:
            file.write(json.dumps(plain(line)) + "\n")

    def epochs(self) -> list[dict[str, Any]]:
        """The lines of epochs.jsonl, the last one of each epoch; a half-written one is left out."""
        file = self.path / "epochs.jsonl"
        lines = {}
        for text in file.read_text(encoding="utf-8").splitlines() if file.exists() else []:
            try:
                line = json.loads(text)
            except ValueError:
                continue
            lines[line.get("phase"), line.get("epoch")] = line
        return list(lines.values())

    def save_per_user(self, valid: Evaluation, test: Evaluation) -> None:
        """Write per_user.npz."""
        arrays = {"users": test.users, **test.per_user, "valid/users": valid.users}
        arrays |= {f"valid/{name}": values for name, values in valid.per_user.items()}
        _write(self.path / "per_user.npz", lambda file: np.savez_compressed(file, **arrays))

    def per_user(self, names: Iterable[str] | None = None) -> dict[str, np.ndarray]:
        """The arrays of per_user.npz, or those named; `DataError` if one is missing or unreadable."""
        file = self.path / "per_user.npz"
        try:
            with np.load(file, allow_pickle=False) as arrays:
                return {name: arrays[name] for name in (arrays.files if names is None else names)}
        except (KeyError, OSError, ValueError, EOFError, zipfile.BadZipFile, zlib.error) as error:
            raise DataError(f"{file}: cannot be read: {error}") from error

    def finish(
        self, outcome: Outcome, test: Evaluation, seconds: Mapping[str, float], columns: Mapping[str, Any]
    ) -> None:
        """Write the results; run.json says "finished" only when all else is written.

        Args:
            outcome: of training: the best epoch and its validation metrics, notes.
            test: the best state on the test split.
            seconds: `total`, and its parts.
            columns: what the model adds to the results table, column -> number or text.
        """
        best = outcome.best
        self.save_per_user(best.valid, test)
        self.info |= {
            "status": "finished",
            "best": {"phase": best.phase, "epoch": best.epoch, "valid": best.valid.means},
            "test": test.means,
            "seconds": dict(seconds),
            **peak_memory(),
            "columns": dict(columns),
            "notes": [*self.info["notes"], *outcome.notes],
        }
        self._write_info()
        draw_curve(self)
        self._close_log()

    def fail(self, error: BaseException) -> None:
        """Note that the run ended in `error`."""
        self.info |= {"status": "failed", "error": f"{type(error).__name__}: {error}", **peak_memory()}
        self._write_info()
        self._close_log()

    def save_model(self, state: Mapping[str, Tensor], model: nn.Module) -> None:
        """Write checkpoint.pt: the name of the model's class, and the state; readable with `weights_only=True`."""
        checkpoint = {"model": type(model).__name__, "state": {name: tensor.cpu() for name, tensor in state.items()}}
        _write(self.path / "checkpoint.pt", lambda file: torch.save(checkpoint, file))

    def _write_info(self) -> None:
        self.info = plain(self.info)  # the same here as when it is loaded
        text = json.dumps(self.info, indent=1, allow_nan=False)
        _write(self.path / "run.json", lambda file: file.write(text.encode()))

    def _close_log(self) -> None:
        if self._log_file is not None:
            logging.getLogger().removeHandler(self._log_file)
            self._log_file.close()
            self._log_file = None


def find_runs(root: Path, dataset: str) -> list[RunRecord]:
    """All runs on a dataset, oldest first; a folder that is no readable record is warned of and left out."""
    runs = []
    for folder in sorted(p for p in (Path(root) / _slug(dataset)).glob("*") if p.is_dir()):
        try:
            runs.append(RunRecord.load(folder))
        except DataError as error:
            log.warning("left out: %s", error)
    return sorted(runs, key=lambda run: run.info["started"])


def count_parameters(model: nn.Module) -> dict[str, int]:
    """Numbers of parameters, `total` and `trainable`."""
    sizes = [(p.numel(), p.requires_grad) for p in model.parameters()]
    return {"total": sum(n for n, _ in sizes), "trainable": sum(n for n, trainable in sizes if trainable)}


def plain(value: Any) -> Any:
    """`value` as JSON can hold it: numpy scalars as numbers, NaN and infinity as null, other objects as text."""
    if isinstance(value, Mapping):
        return {str(k): plain(v) for k, v in value.items()}
    if isinstance(value, list | tuple | set):
        return [plain(v) for v in value]
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    return value if isinstance(value, str | int | None) else str(value)


def _slug(text: str) -> str:
    """A name that is safe for a folder on any system and never leaves its parent."""
    return re.sub(r"[^A-Za-z0-9_.-]+", "-", text).strip(".-")[:80] or "run"


def _new_folder(parent: Path, name: str) -> Path:
    """A folder that did not exist; runs that begin within one second get -2, -3, … after the name."""
    parent.mkdir(parents=True, exist_ok=True)
    for number in range(1, 10_000):
        path = parent / (name if number == 1 else f"{name}-{number}")
        try:
            path.mkdir()
        except FileExistsError:
            continue
        return path
    raise DataError(f"{parent}: no free folder name for {name}")


def _write(path: Path, write: Callable[[BinaryIO], Any]) -> None:
    """Whole or not at all: write a temporary file beside `path`, then put it in its place."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        with temporary.open("wb") as file:
            write(file)
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)
