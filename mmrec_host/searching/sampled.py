"""Values that Optuna samples, by the validation split; what does badly early is broken off.

The search's folder holds optuna.db, Optuna's own storage: `optuna-dashboard sqlite:///<folder>/optuna.db` shows it.
"""

from __future__ import annotations

import functools
import zlib
from collections.abc import Iterator, Mapping
from types import ModuleType
from typing import Any

from ..config import Config
from ..jobs.display import Display
from ..jobs.job import Engine, Job, Outcome
from ..jobs.run import run_jobs
from ..runs.record import RunRecord
from ..yaml_values import flow
from .search_run import LINES, note, require_all, run_search, tried_before
from .spaces import Space, space_of
from .storage import FILE, Reports, open_study, optuna_or_message, readable, unreadable
from .trial import trial_job


def sampled_search(config: Config, n_trials: int, pruner: str, engine: Engine) -> list[dict[str, Any]]:
    """Try `n_trials` samples of the model's `search` space and return them as `grid_search` does, best first.

    With the key `resume` a search of the same space goes on, also to more trials. One trial at a time, an interrupted
    search ends as an uninterrupted one.

    Args:
        pruner: `median`: a trial stops that is worse than the median of the others at the same epoch; `halving`:
            successive halving (Li et al., 2020); `none`.

    Raises:
        ConfigError: optuna is not installed; nothing to search.
        UserError: as `run_search` says, and a storage that cannot be read.
    """
    optuna_or_message()
    space = space_of(config)
    settings = config.replaced(search=space, sampler="optuna", pruner=pruner)

    def explore(record: RunRecord) -> list[dict[str, Any]]:
        with readable(record.path / FILE):
            return _explore(config, space, record, n_trials, pruner, engine)

    return run_search(config, settings, explore, lambda record: len(record.info["combinations"]) >= n_trials)


def _explore(
    config: Config, space: Space, record: RunRecord, n_trials: int, pruner: str, engine: Engine
) -> list[dict[str, Any]]:
    study = open_study(record.path / FILE, pruner)
    optuna = optuna_or_message()
    tried, values = tried_before(record), _Values(space)
    if lost := tried.keys() - {trial.number + 1 for trial in study.get_trials(deepcopy=False)}:
        raise unreadable(record.path / FILE, f"trial {min(lost)}, which {LINES} has, is not in it")
    failed: list[tuple[Job, Outcome]] = []
    trials: dict[Job, Any] = {}

    def tell(trial: Any, line: Mapping[str, Any]) -> None:
        states = optuna.trial.TrialState
        without = states.PRUNED if line.get("phase") == "pruned" else states.FAIL
        state = without if line["score"] is None else states.COMPLETE
        study.tell(trial, line["score"] if state == states.COMPLETE else None, state=state)

    def job_of(trial: Any) -> Job:
        reports = functools.partial(Reports, record.path / FILE, pruner, trial._trial_id)
        watch = reports if pruner != "none" else None  # else who trains needs to see the storage
        job = trial_job(config, values.of(trial.params), record, trial.number + 1, engine, watch=watch)
        trials[job] = trial
        return job

    def jobs() -> Iterator[Job]:
        """Those that were interrupted, then new ones, each drawn when all that has ended is known."""
        for each in study.get_trials(states=(optuna.trial.TrialState.RUNNING,)):
            trial = optuna.trial.Trial(study, each._trial_id)
            if (line := tried.get(trial.number + 1)) is None:
                yield job_of(trial)
            else:
                tell(trial, line)
        while (number := len(study.get_trials(deepcopy=False))) < n_trials:
            draw = zlib.crc32(f"{config['seed']} {number}".encode())  # by number: resumed, the draws are the same
            study.sampler = optuna.samplers.TPESampler(seed=draw)
            yield job_of(study.ask(values.distributions(optuna)))

    with Display("search", "trial", n_trials, len(tried), bool(config["progress"]), False) as display:
        for job, outcome in run_jobs(jobs(), engine, display):
            trial = trials[job]
            if outcome.error is not None:
                failed.append((job, outcome))  # stays as it is in the storage, so that it is tried again
                continue
            line = {"number": trial.number + 1, "values": values.of(trial.params), **outcome.value}
            tried[line["number"]] = line
            note(record, line, n_trials)
            tell(trial, line)
    require_all(failed)
    return [tried[number] for number in sorted(tried)]


class _Values:
    """A space in Optuna's terms: a list is a choice among its values, a range is a number."""

    def __init__(self, space: Space) -> None:
        self.space = space

    def distributions(self, optuna: ModuleType) -> dict[str, Any]:
        """Key -> distribution."""
        found = {}
        for key, choices in self.space.items():
            if isinstance(choices, list):
                found[key] = optuna.distributions.CategoricalDistribution([flow(choice) for choice in choices])
            else:
                whole = all(isinstance(choices[end], int) for end in ("low", "high", "step") if end in choices)
                kind = "IntDistribution" if whole else "FloatDistribution"
                found[key] = getattr(optuna.distributions, kind)(**choices)
        return found

    def of(self, params: Mapping[str, Any]) -> dict[str, Any]:
        """The values that were drawn."""
        found = {}
        for key, choices in self.space.items():
            listed = {flow(choice): choice for choice in choices} if isinstance(choices, list) else {}
            found[key] = listed[params[key]] if listed else params[key]
        return found
