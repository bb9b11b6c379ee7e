"""A search's folder: found again or begun, and ended with what was tried."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from ..config import Config
from ..data.dataset import load_dataset
from ..errors import UserError
from ..evaluation.cutoffs import cutoff_notes
from ..jobs.job import Job, Outcome
from ..runs.build import protocol, require_sound
from ..runs.engine import find_earlier, open_record
from ..runs.record import RunRecord
from ..runs.record_shape import is_combination
from ..training.options import TrainingOptions
from .spaces import describe, rank_of
from .trial import trial_file

log = logging.getLogger(__name__)

LINES = "combinations.jsonl"


class SomeFailed(UserError):
    """Combinations that could not be tried; the others were."""

    exit_code = 1


def run_search(
    config: Config,
    settings: Config,
    explore: Callable[[RunRecord], list[dict[str, Any]]],
    enough: Callable[[RunRecord], bool] = lambda record: True,
) -> list[dict[str, Any]]:
    """Let `explore` try combinations, and return them with what came out, best first; ties keep their order.

    The search leaves a folder under `<run_path>/searches/`, with a line for each finished combination; with the key
    `resume` an interrupted one goes on there.

    Args:
        settings: what is searched, and how; by them a search is found again.
        enough: whether a search that has ended has tried what is asked for now.

    Raises:
        DataError: the interrupted search is of other data.
        SomeFailed: as it says.
    """
    options = TrainingOptions.from_config(config)
    config["device"] = options.evaluation.device
    require_sound(config)
    root = Path(config["run_path"]) / "searches"
    earlier = find_earlier(root, settings)
    dataset = load_dataset(config)
    for note in cutoff_notes(options.evaluation, dataset.splits, dataset.interactions.n_items):
        log.warning(note)
    data = protocol(config, dataset), dataset.features(config).fingerprint
    ended = earlier is not None and earlier.info["status"] == "searched"
    if earlier is not None and ended and enough(earlier):
        earlier.check_same(*data)
        record = earlier
    else:
        record = open_record(earlier, root, settings, more=ended)
        try:
            record.begin(settings, *data)
            record.finish_search(sorted(explore(record), key=rank_of))
        except BaseException as error:
            record.fail(error)
            raise
    log.info("search folder: %s", record.path)
    return record.info["combinations"]


def tried_before(record: RunRecord) -> dict[int, dict[str, Any]]:
    """Number -> the combinations that the search has tried."""
    return {line["number"]: line for line in record.lines(LINES) if is_combination(line)}


def note(record: RunRecord, line: dict[str, Any], of: int) -> None:
    """Write down what came of a combination, whose checkpoint is not needed any more."""
    record.append(LINES, line)
    trial_file(record, line["number"]).unlink(missing_ok=True)
    log.info("%s %d/%d: %s", record.info["model"], line["number"], of, describe(line))


def require_all(outcomes: Iterable[tuple[Job, Outcome]]) -> None:
    """Raise `SomeFailed` if there are jobs that failed."""
    failed = [f"{job.name}: {outcome.error}" for job, outcome in outcomes if outcome.error is not None]
    if failed:
        said = "\n".join(failed)
        raise SomeFailed(f"{len(failed)} combinations failed; with --resume they are tried again:\n{said}")
