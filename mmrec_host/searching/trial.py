"""One combination of a search, trained and scored by the validation split; the test split is not scored."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from ..config import Config
from ..evaluation.evaluator import selection_score
from ..jobs.job import Engine, Job
from ..runs.build import build
from ..runs.record import RunRecord
from ..training.checkpoint import Checkpoint
from ..training.options import TrainingOptions
from ..training.phases import phases_of
from ..training.trainer import Trainer, TrainingFailed
from .spaces import words_of

Watch = Callable[[int, float], None]
"""Called with an epoch, counted over all phases, and the score that the state after it has; may raise `Pruned`."""


class Pruned(Exception):  # noqa: N818 (no error)
    """A combination that is not worth more epochs."""


def trial_file(record: RunRecord, number: int) -> Path:
    """What an interrupted combination goes on from."""
    return record.path / f"resume-{number}.pt"


def trial_job(
    config: Config, values: Mapping[str, Any], record: RunRecord, number: int, engine: Engine, **how: Any
) -> Job:
    """The job that tries one combination.

    Args:
        engine: that will run it.
        how: further arguments of `try_values`.
    """
    work = functools.partial(try_values, file=trial_file(record, number), identity=record.identity(), **how)
    tried = config.replaced(**values)
    return Job(f"{config['model']} {words_of(values)}", work, engine.share(tried))


def try_values(
    config: Config, file: Path, identity: Mapping[str, Any], watch: Callable[[], Watch] | None = None
) -> dict[str, Any]:
    """Train one combination: its `score`, `phase`, `epoch`, `valid` (all metrics) and `seconds`.

    A diverged one has a `score` of None and the `error`; a pruned one also the `phase` "pruned" and the `epoch`.

    Args:
        file: of the checkpoint.
        identity: what that must agree in.
        watch: makes what is told every score, in the process that trains.
    """
    dataset, loader, model = build(config)
    options, phases = TrainingOptions.from_config(config), phases_of(model, loader, config)
    starts = {phase.name: sum(each.epochs for each in phases[:number]) for number, phase in enumerate(phases)}
    watching = watch() if watch is not None else None

    def on_epoch(line: Mapping[str, Any]) -> None:
        if watching is not None and line.get("valid"):
            watching(starts[line["phase"]] + line["epoch"], selection_score(line["valid"], options.evaluation))

    checkpoint = Checkpoint(file, identity, config["checkpoint_interval"])
    trainer = Trainer(model, options, dataset.splits.valid, on_epoch, checkpoint)
    try:
        outcome = trainer.fit(phases)
    except TrainingFailed as error:
        return {"score": None, "error": str(error)}
    except Pruned:
        at = trainer.progress
        said = f"pruned after epoch {at.epoch} of {phases[at.phase].name}"
        return {"score": None, "error": said, "phase": "pruned", "epoch": at.epoch, "seconds": _seconds(at.seconds)}
    best = outcome.best
    found = {"score": best.score, "phase": best.phase, "epoch": best.epoch}
    return {**found, "valid": best.valid.all_means(), "seconds": _seconds(outcome.seconds)}


def _seconds(spent: Mapping[str, float]) -> float:
    return spent["train"] + spent["evaluate"]
