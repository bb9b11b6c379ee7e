"""Run records: the folder that each run leaves, from which tables, tests and curves are made; read without torch.

`<root>/<dataset>/<run id>/` holds
    run.json         what was run and what came out
    config.yaml      the resolved configuration
    epochs.jsonl     a line an epoch
    per_user.npz     each user's metrics at the best epoch, on the test split and, under `valid/`, on validation
    log.txt          what was logged
    checkpoint.pt    the best state
    resume.pt        until the run has finished: what an interrupted run goes on from
    curve.png        the validation metric by epoch, where matplotlib is installed
"""

from __future__ import annotations

import contextlib
import json
import logging
import math
import os
import re
import shutil
import zipfile
import zlib
from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime, timezone
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from filelock import FileLock, Timeout

from ..environment import environment, peak_memory
from ..errors import DataError, UserError
from ..files import write_whole
from ..log_format import LogFormatter
from ..waiting import alone
from .held import LOCK, is_held
from .record_shape import DONE, SCHEMA_VERSION, is_epoch, read_info
from .recorded_settings import made_under

if TYPE_CHECKING:
    from torch import nn

    from ..config import Config
    from ..evaluation.evaluator import Evaluation
    from ..training.trainer import Outcome

log = logging.getLogger(__name__)

NAME_SHA = 6  # characters of the settings' digest in a folder's name, which does not say all settings


class OtherData(DataError):
    """A run was begun on other data or features than there are now."""


class RunLog(logging.FileHandler):
    """log.txt; what a full disk refuses has also been said on stderr."""

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802 (logging's name)
        """Leave the line out."""


class RunRecord:
    """One run's folder. Made by `create` or `load`.

    Attributes:
        path: the folder.
        info: what run.json holds. From the start `status`, `label`, `model`, `dataset`, `seed`, `settings_sha`,
            `started`, `notes`; after `begin` also `valid_metric`, `protocol`, `features`, `parameters`, `environment`;
            after `finish` also `ended`, `best`, `test`, `n_ranked` (items), `ties` (cutoff -> share of users),
            `seconds`, `columns`, `meaning`, `peak_memory_mb`; after `fail` also `ended`, `error`.
    """

    def __init__(self, path: Path, info: dict[str, Any]) -> None:
        self.path, self.info = path, info
        self._log_file: logging.Handler | None = None
        self._lock = FileLock(path / LOCK)

    @property
    def status(self) -> str:
        """As run.json says, but `interrupted` where it says `running` and no process is at it any more."""
        gone = self.info["status"] == "running" and not self._lock.is_locked and not is_held(self.path)
        return "interrupted" if gone else self.info["status"]

    @classmethod
    def create(cls, root: Path, config: Config) -> RunRecord:
        """Make the folder of a run of `config` that begins now, with config.yaml in it.

        From here to the end of the run its folder is locked, and the log is also written there.
        """
        now = datetime.now(timezone.utc)  # noqa: UP017 (Python 3.10)
        label, dataset, seed = config.label(), config["dataset"], int(config["seed"])
        sha = config.settings_sha()
        name = f"{_slug(label)}-{sha[:NAME_SHA]}-s{seed}-{now:%Y%m%d-%H%M%S}"
        path = _new_folder(runs_folder(root, dataset), name)
        record = cls(
            path,
            {
                "schema_version": SCHEMA_VERSION,
                "status": "running",
                "label": label,
                "model": config["model"],
                "dataset": dataset,
                "seed": seed,
                "settings_sha": sha,
                "started": now.isoformat(timespec="microseconds"),
                "notes": [],
            },
        )
        with record._opened():
            write_whole(path / "config.yaml", config.to_yaml().encode())
            record._write_info()
        return record

    def reopen(self, more: bool = False) -> None:
        """Go on with this interrupted run in its folder, or with a search that is to do `more` than it has done.

        Raises:
            DataError: another process is still at it, or has finished it meanwhile.
        """
        with self._opened():
            self.info = RunRecord.load(self.path).info
            if self.info["status"] in DONE and not more:
                raise DataError(f"{self.path}: another process has finished this run. Start again.")
            for litter in self.path.glob(".*.tmp"):  # of a process that was killed while it wrote
                litter.unlink()
            for file in self.path.glob("*.jsonl"):  # without half a line, to which the next would be joined
                write_whole(file, "".join(json.dumps(line) + "\n" for line in self.lines(file.name)).encode())
            for key in ("error", "ended"):
                self.info.pop(key, None)
            self.info["status"] = "running"
            self._write_info()

    @contextlib.contextmanager
    def _opened(self) -> Iterator[None]:
        """Lock the folder and begin to log there; both end with the run, or if what is done inside fails."""
        try:
            self._lock.acquire(timeout=0.2)  # who lists runs holds it for a moment
        except Timeout:
            raise DataError(
                f"{self.path}: another process is still running this. Wait for it or stop it, then start again."
            ) from None
        self._log_file = RunLog(self.path / "log.txt", encoding="utf-8", delay=True)
        self._log_file.setFormatter(LogFormatter("%(asctime)s %(levelname)s %(name)s: %(message)s"))
        logging.getLogger().addHandler(self._log_file)
        try:
            yield
        except BaseException:
            self._close()
            raise

    def _close(self) -> None:
        if self._log_file is not None:
            logging.getLogger().removeHandler(self._log_file)
            self._log_file.close()
            self._log_file = None
        self._lock.release()  # the file stays: a name that others may hold is not taken away

    @classmethod
    def load(cls, folder: Path) -> RunRecord:
        """Read a run's folder.

        Raises:
            DataError: as `read_info` says.
        """
        return cls(Path(folder), read_info(Path(folder) / "run.json"))

    def begin(self, config: Config, protocol: Mapping[str, Any], features: str, model: nn.Module | None = None) -> None:
        """Note what is run; for a run that goes on, check that it is still the same.

        Args:
            protocol: what must be the same for two runs to stand in one table.
            features: fingerprint of the item features.
            model: its parameters are counted; a search has none.

        Raises:
            OtherData: the data or the features have changed since the run was begun.
        """
        self.check_same(protocol, features)
        here = environment()
        then = self.info.get("environment", here)
        if differing := [
            f"{k} {then.get(k)}, now {here[k]}" for k in ("torch", "cpu", "threads") if then.get(k) != here[k]
        ]:
            log.warning("resumed elsewhere (%s): the result may differ in the last digits", "; ".join(differing))
        self.info |= {
            "protocol": self.info.get("protocol", plain(protocol)),
            "features": features,
            "valid_metric": config["valid_metric"].lower(),
            "parameters": count_parameters(model) if model is not None else {},
            "environment": here,
        }
        self._write_info()

    def check_same(self, protocol: Mapping[str, Any], features: str) -> None:
        """Raise `OtherData` if this run, once begun, was on other data or features."""
        now = plain(protocol)
        then = now | self.info.get("protocol", {})  # an older record notes less
        compared = {"protocol": (then, now), "features": (self.info.get("features", features), features)}
        changed = [
            f"{what}: {before} then, {after} now" for what, (before, after) in compared.items() if before != after
        ]
        if changed:
            raise OtherData(
                f"{self.path}: this run was begun on other data ({'; '.join(changed)}). Bring them back, or "
                "train a run of its own, without --resume."
            )

    def identity(self) -> dict[str, Any]:
        """What a checkpoint of this run must agree in."""
        return {key: self.info[key] for key in ("settings_sha", "seed", "protocol", "features")}

    def log_epoch(self, line: Mapping[str, Any]) -> None:
        """Append a line to epochs.jsonl: `phase`, `epoch`, and plain values such as `loss` and `valid`."""
        self.append("epochs.jsonl", line)

    def epochs(self) -> list[dict[str, Any]]:
        """The lines of epochs.jsonl, the last one of each epoch."""
        lines = filter(is_epoch, self.lines("epochs.jsonl"))
        return list({(line["phase"], line["epoch"]): line for line in lines}.values())

    def append(self, name: str, line: Mapping[str, Any]) -> None:
        """Add a line of JSON to one of the folder's files; on a full disk it is lost, with a warning."""
        path = self.path / name
        whole = path.stat().st_size if path.exists() else 0
        try:
            with path.open("ab") as file:
                file.write((json.dumps(plain(line)) + "\n").encode())
        except OSError as error:
            log.warning("%s: a line could not be written (%s)", path, error)
            if path.exists():
                os.truncate(path, whole)  # half a line would swallow the next one

    def lines(self, name: str) -> list[dict[str, Any]]:
        """The objects in one of the folder's files of JSON lines; what is none, or was cut off, is left out."""
        file = self.path / name
        lines = []
        for text in file.read_text(encoding="utf-8", errors="replace").splitlines() if file.exists() else []:
            with contextlib.suppress(ValueError, RecursionError):
                lines.append(json.loads(text))
        return [line for line in lines if isinstance(line, dict)]

    def save_per_user(self, valid: Evaluation, test: Evaluation) -> None:
        """Write per_user.npz."""
        arrays: dict[str, Any] = test.arrays() | {f"valid/{name}": values for name, values in valid.arrays().items()}
        write_whole(self.path / "per_user.npz", lambda file: np.savez_compressed(file, **arrays))

    def per_user(self, names: Iterable[str] | None = None) -> dict[str, np.ndarray]:
        """The arrays of per_user.npz, or those named; `DataError` if one is missing or unreadable."""
        file = self.path / "per_user.npz"
        try:
            with np.load(file, allow_pickle=False) as arrays:
                found = {name: arrays[name] for name in (arrays.files if names is None else names)}
        except (KeyError, OSError, ValueError, EOFError, zipfile.BadZipFile, zlib.error) as error:
            raise DataError(f"{file}: cannot be read: {error}") from error
        if odd := [name for name, array in found.items() if array.ndim != 1 or array.dtype.kind not in "biuf"]:
            raise DataError(f"{file}: cannot be read: {', '.join(odd)} must be a row of numbers")
        return found

    def finish(
        self,
        outcome: Outcome,
        test: Evaluation,
        seconds: Mapping[str, float],
        columns: Mapping[str, Any],
        meaning: str = "",
    ) -> None:
        """Write the results; run.json says "finished" only when all else is written.

        Args:
            outcome: of training: the best epoch and its validation metrics, notes.
            test: the best state on the test split.
            seconds: `total`, and its parts.
            columns: what the model adds to the results table, column -> number or text.
            meaning: what the run does, where a table must tell it from others of the model.
        """
        best = outcome.best
        self.save_per_user(best.valid, test)
        self._end(
            "finished",
            best={"phase": best.phase, "epoch": best.epoch, "valid": best.valid.all_means()},
            test=test.all_means(),
            n_ranked=test.n_ranked,
            ties=test.all_ties(),
            seconds=dict(seconds),
            columns=dict(columns),
            meaning=meaning,
            notes=list(dict.fromkeys([*self.info["notes"], *outcome.notes])),
        )

    def finish_search(self, combinations: list[dict[str, Any]]) -> None:
        """Write the combinations of a grid search, best first."""
        self._end("searched", combinations=combinations)

    def fail(self, error: BaseException) -> None:
        """Note that the run ended in `error`; of one that the user can mend before it has begun, nothing is left."""
        if isinstance(error, UserError) and "protocol" not in self.info:
            self._close()
            self.remove()
        else:
            self._end("failed", error=f"{type(error).__name__}: {error}")

    def remove(self) -> None:
        """Delete the folder, and the one around it if no other run is there."""
        shutil.rmtree(self.path, ignore_errors=True)
        with contextlib.suppress(OSError):
            self.path.parent.rmdir()

    def _end(self, status: str, **info: Any) -> None:
        now = datetime.now(timezone.utc)  # noqa: UP017 (Python 3.10)
        self.info |= {"status": status, "ended": now.isoformat(timespec="microseconds"), **info, **peak_memory()}
        try:
            self._write_info()
        finally:
            self._close()

    def _write_info(self) -> None:
        self.info = plain(self.info)  # the same here as when it is loaded
        write_whole(self.path / "run.json", json.dumps(self.info, indent=1, allow_nan=False).encode())


def runs_folder(root: Path, dataset: str) -> Path:
    """Where the runs on a dataset lie."""
    return Path(root) / _slug(dataset)


def find_runs(root: Path, dataset: str | None = None) -> list[RunRecord]:
    """All runs on a dataset, or on any, oldest first; a record that cannot be read is warned of and left out.

    A folder without run.json is no run, or one that another process is just making.
    """
    files = Path(root).glob("*/*/run.json") if dataset is None else runs_folder(root, dataset).glob("*/run.json")
    runs = []
    for file in sorted(files):
        try:
            runs.append(RunRecord.load(file.parent))
        except DataError as error:
            log.warning("left out: %s", error)
    return sorted(runs, key=lambda run: run.info["started"])


def same_run(root: Path, config: Config) -> RunRecord | None:
    """The earlier run of the same settings and seed: a finished one, else the newest; None if there is none.

    Its label may be another: which words a label has depends on what the YAML files say.
    """
    return run_of(find_runs(root, config["dataset"]), config)


def run_of(runs: Iterable[RunRecord], config: Config) -> RunRecord | None:
    """That one of `runs`, oldest first."""
    same = [run for run in runs if run.info["seed"] == int(config["seed"]) and made_under(run.path, run.info, config)]
    done = [run for run in same if run.info["status"] in DONE]
    return (done or same)[-1] if same else None


def making(root: Path, config: Config) -> contextlib.AbstractContextManager[None]:
    """Inside, no other process is in here for a run of the same settings and seed."""
    name = f".{config.settings_sha()}-s{config['seed']}.lock"
    return alone(runs_folder(root, config["dataset"]) / name, f"makes the run {config.label()}, seed {config['seed']}")


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
