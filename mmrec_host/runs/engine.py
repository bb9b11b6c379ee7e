"""One run: train, select by validation, score the test split once, record."""

from __future__ import annotations

import logging
import time
from collections.abc import Mapping
from contextlib import nullcontext
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from ..config import Config
from ..data.dataset import load_dataset
from ..environment import reset_peak_memory
from ..evaluation.cutoffs import cutoff_notes
from ..evaluation.evaluator import evaluate
from ..evaluation.ties import ARBITRARY, ties_in_words
from ..models.contract import AddsColumns, DescribesRun, ExplainsRow, Model, SavesExtras
from ..processes import from_main
from ..ranks import is_main
from ..training.checkpoint import Checkpoint
from ..training.options import TrainingOptions
from ..training.phases import phases_of
from ..training.trainer import Trainer
from .build import build, protocol, require_sound
from .curves import draw_curve
from .follower import FollowedRecord
from .record import RunRecord, making, same_run
from .saved_model import best_state, bring_back, save_model
from .tracking import Tracking, trackers_of

log = logging.getLogger(__name__)


@dataclass
class Result:
    """A finished run.

    Attributes:
        valid: metric@k -> value of the validation split, at the best epoch by it.
        test: metric@k -> value of the test split, at that epoch.
        model: in its best state, ready to score; None for a run that had finished before and kept no model.
        record: the run's folder.
    """

    valid: dict[str, float]
    test: dict[str, float]
    model: Model | None
    record: RunRecord


def run(config: Config, since: datetime | None = None) -> Result:
    """Train, select, score once and record one model under one seed.

    With the key `resume`, an interrupted run of the same settings and seed goes on in its folder, and a finished one is
    not run again. While another process makes the same run, this one waits, and then finds it.

    Args:
        since: nor is one that has begun then or later, and has finished; a teacher's run is such a one.
    """
    findable = is_main() and (config["resume"] or since is not None)
    with making(Path(config["run_path"]), config) if findable else nullcontext():
        return _run(config, since)


def _run(config: Config, since: datetime | None) -> Result:
    started = time.perf_counter()
    reset_peak_memory()
    options = TrainingOptions.from_config(config)  # what cannot work is refused before anything is read or written
    require_sound(config)
    trackers = trackers_of(config)
    root = Path(config["run_path"])
    earlier = find_earlier(root, config, since)
    if earlier is not None and earlier.info["status"] == "finished":
        return _finished_before(earlier, config)
    dataset = load_dataset(config)
    notes = cutoff_notes(options.evaluation, dataset.splits, dataset.interactions.n_items)
    record = open_record(earlier, root, config)
    record.info["notes"] = notes
    tracking: Tracking | None = None
    try:
        for note in notes:
            log.warning(note)
        dataset, loader, model = build(config, dataset)
        construct = time.perf_counter() - started
        record.begin(config, protocol(config, dataset), loader.features.fingerprint, model)
        log.info("%s, seed %s: %s", config.label(), config["seed"], dataset.counts())
        checkpoint = Checkpoint(record.path / "resume.pt", record.identity(), config["checkpoint_interval"])
        tracking = Tracking(trackers, config, record)

        def log_epoch(line: Mapping[str, Any]) -> None:
            record.log_epoch(line)
            tracking.log(line)

        trainer = Trainer(model, options, dataset.splits.valid, log_epoch, checkpoint)
        outcome = trainer.fit(phases_of(model, loader, config))
        test = evaluate(model, dataset.splits.test, options.evaluation)
        if where := ties_in_words(test.all_ties()):
            log.warning("%s: %s, on test of %s", config.label(), ARBITRARY, where)
        total = outcome.seconds["before"] + time.perf_counter() - started
        seconds = {"total": total, "construct": construct, **outcome.seconds}
        if config["save_model"] and is_main():
            save_model(record.path, outcome.best.state, model)
            if isinstance(model, SavesExtras):
                model.save_extras(record.path)
        columns = model.columns(outcome) if isinstance(model, AddsColumns) else {}
        record.finish(outcome, test, seconds, columns, model.meaning() if isinstance(model, ExplainsRow) else "")
        if config["save_model"] and is_main() and isinstance(model, DescribesRun):
            model.describe_run(record.path, record.info)
        if is_main():
            draw_curve(record)
        checkpoint.remove()
    except BaseException as error:
        record.fail(error)
        raise
    finally:
        if tracking is not None:
            tracking.end(record.info)
    log.info("run folder: %s", record.path)
    return Result(outcome.best.valid.all_means(), test.all_means(), model, record)


def find_earlier(root: Path, config: Config, since: datetime | None = None) -> RunRecord | None:
    """With the key `resume`, the earlier run or search of the same settings and seed; without, one begun `since`."""
    if not config["resume"] and since is None:
        return None

    def folder() -> Path | None:
        found = same_run(root, config)
        if found is None:
            return None
        begun = datetime.fromisoformat(found.info["started"])
        fresh = since is not None and begun >= since and found.info["status"] == "finished"
        return found.path if config["resume"] or fresh else None

    path = from_main(folder)
    return None if path is None else RunRecord.load(path)


def open_record(earlier: RunRecord | None, root: Path, config: Config, more: bool = False) -> RunRecord:
    """The record of a run or search: of an earlier one that goes on, or a new one; the main process writes it.

    Args:
        more: an earlier search goes on though it has ended.
    """
    if is_main():
        if earlier is None:
            earlier = RunRecord.create(root, config)
        else:
            log.info("going on with %s", earlier.path)
            earlier.reopen(more)
    path = from_main(lambda: earlier.path)  # type: ignore[union-attr]
    return earlier if is_main() else FollowedRecord.load(path)  # type: ignore[return-value]


def _finished_before(record: RunRecord, config: Config) -> Result:
    """The result of a finished run, if its data and features are still the same."""
    log.info("finished already: %s", record.path)
    dataset, loader, model = build(config)
    record.check_same(protocol(config, dataset), loader.features.fingerprint)
    if is_main():
        (record.path / "resume.pt").unlink(missing_ok=True)  # of a process that was killed at its very end
    state = best_state(record.path)
    if state is not None:
        bring_back(model, state, record.path)
    return Result(record.info["best"]["valid"], record.info["test"], model if state is not None else None, record)
