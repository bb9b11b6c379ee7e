"""Grid search by the validation split: the test split is not scored."""

from __future__ import annotations

from typing import Any

from ..config import Config
from ..jobs.display import Display
from ..jobs.job import Engine, InThisProcess, Job, Outcome
from ..jobs.run import run_jobs
from ..runs.record import RunRecord
from .search_run import note, require_all, run_search, tried_before
from .spaces import Space, combinations, space_of
from .trial import trial_file, trial_job


def grid_search(config: Config, engine: Engine | None = None) -> list[dict[str, Any]]:
    """Train every combination of the model's `search` keys and return them with what came out, best first.

    Of each its `number`, `values` and what `try_values` says. Ties keep the grid's order.

    Args:
        engine: what runs them; by default one after another, here.

    Raises:
        ConfigError: nothing to search, or a range.
        UserError: as `run_search` says.
    """
    space = space_of(config)
    combinations(space)
    settings = config.replaced(search=space)
    return run_search(config, settings, lambda record: _explore(config, space, record, engine or InThisProcess()))


def _explore(config: Config, space: Space, record: RunRecord, engine: Engine) -> list[dict[str, Any]]:
    tried = tried_before(record)
    grid = dict(enumerate(combinations(space), start=1))
    for number in tried:  # of a process that was killed between the two
        trial_file(record, number).unlink(missing_ok=True)
    left = {number: values for number, values in grid.items() if number not in tried}
    jobs = {trial_job(config, values, record, number, engine): number for number, values in left.items()}
    failed: list[tuple[Job, Outcome]] = []
    with Display("search", "combination", len(grid), len(tried), bool(config["progress"]), False) as display:
        for job, outcome in run_jobs(jobs, engine, display):
            number = jobs[job]
            if outcome.error is not None:
                failed.append((job, outcome))
                continue
            tried[number] = {"number": number, "values": grid[number], **outcome.value}
            note(record, tried[number], len(grid))
    require_all(failed)
    return [tried[number] for number in sorted(tried)]
