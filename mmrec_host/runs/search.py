"""Grid search by the validation split: the test split is not scored."""

from __future__ import annotations

import itertools
import logging
from pathlib import Path
from typing import Any

from ..config import Config
from ..data.dataset import load_dataset
from ..errors import ConfigError
from ..evaluation.cutoffs import cutoff_notes
from ..progress_bar import progress_bar
from ..runs.build import build, protocol, require_sound
from ..runs.engine import find_earlier, open_record
from ..training.checkpoint import Checkpoint
from ..training.options import TrainingOptions
from ..training.phases import phases_of
from ..training.trainer import Trainer, TrainingFailed
from ..yaml_values import flow
from .record import RunRecord
from .record_shape import is_combination

log = logging.getLogger(__name__)


def combinations(search: dict[str, list[Any]]) -> list[dict[str, Any]]:
    """All combinations of a grid; the last key varies fastest."""
    return [dict(zip(search, values)) for values in itertools.product(*search.values())]


def grid_search(config: Config) -> list[dict[str, Any]]:
    """Train every combination of the model's `search` keys and return them with what came out, best first.

    Of each its `number`, `values` and `score`, `phase`, `epoch`, `valid` (all metrics) and `seconds`; of a diverged one
    no more than a `score` of None and the `error`.

    A key that was overridden is not searched. Ties keep the grid's order. The search leaves a folder under
    `<run_path>/searches/`, with a line for each finished combination; with the key `resume` an interrupted one goes on
    there.

    Raises:
        ConfigError: nothing to search.
        DataError: the interrupted search is of other data.
    """
    grid = {k: v for k, v in config.search.items() if k not in config.overrides}
    if not grid:
        raise ConfigError(
            f"{config['model']}: its YAML has no `search` key whose values are free, so there is nothing to search."
        )
    options = TrainingOptions.from_config(config)
    config["device"] = options.evaluation.device
    require_sound(config)
    settings, root = config.replaced(search=grid), Path(config["run_path"]) / "searches"
    earlier = find_earlier(root, settings)
    dataset = load_dataset(config)
    for note in cutoff_notes(options.evaluation, dataset.splits, dataset.interactions.n_items):
        log.warning(note)
    data = protocol(config, dataset), dataset.features(config).fingerprint
    if earlier is not None and earlier.info["status"] == "searched":
        earlier.check_same(*data)
        record = earlier
    else:
        record = open_record(earlier, root, settings)
        try:
            record.begin(settings, *data)
            record.finish_search(sorted(_search(config, grid, record), key=_rank))
        except BaseException as error:
            record.fail(error)
            raise
    log.info("search folder: %s", record.path)
    return record.info["combinations"]


def _search(config: Config, grid: dict[str, list[Any]], record: RunRecord) -> list[dict[str, Any]]:
    tried = {line["number"]: line for line in record.lines("combinations.jsonl") if is_combination(line)}
    todo = combinations(grid)
    shown = bool(config["progress"])
    with progress_bar("search", "combination", len(todo), shown=shown, initial=len(tried)) as bar:
        for number, values in enumerate(todo, start=1):
            file = record.path / f"resume-{number}.pt"
            checkpoint = Checkpoint(file, record.identity(), config["checkpoint_interval"])
            if number not in tried:
                tried[number] = {"number": number, "values": values, **_try(config.replaced(**values), checkpoint)}
                record.append("combinations.jsonl", tried[number])
                log.info("%s %d/%d: %s", config["model"], number, len(todo), _line(tried[number]))
                bar.update()
            checkpoint.remove()
    return [tried[number] for number in sorted(tried)]


def _try(config: Config, checkpoint: Checkpoint) -> dict[str, Any]:
    """Train one combination; a diverged one has no score."""
    dataset, loader, model = build(config)
    trainer = Trainer(model, TrainingOptions.from_config(config), dataset.splits.valid, checkpoint=checkpoint)
    try:
        outcome = trainer.fit(phases_of(model, loader, config))
    except TrainingFailed as error:
        return {"score": None, "error": str(error)}
    best = outcome.best
    seconds = outcome.seconds["train"] + outcome.seconds["evaluate"]
    found = {"score": best.score, "phase": best.phase, "epoch": best.epoch}
    return {**found, "valid": best.valid.all_means(), "seconds": seconds}


def _rank(combination: dict[str, Any]) -> float:
    return -combination["score"] if combination["score"] is not None else float("inf")


def words_of(values: dict[str, Any]) -> str:
    """The values as one would give them on the command line."""
    return " ".join(f"{key}={flow(value)}" for key, value in values.items())


def _line(combination: dict[str, Any]) -> str:
    if combination["score"] is None:
        return f"diverged  {words_of(combination['values'])}"
    return (
        f"{combination['score']:.4f}  {words_of(combination['values'])}  ({combination['phase']}, epoch "
        f"{combination['epoch']}, {combination['seconds']:.0f} s)"
    )
