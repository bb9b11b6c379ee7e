"""Grid search by the validation split: the test split is not scored."""

from __future__ import annotations

import itertools
import logging
from typing import Any

from ..config import Config
from ..data.dataset import load_dataset
from ..errors import ConfigError
from ..quick_start import build, resolve_device
from .phases import phases_of
from .trainer import Trainer

log = logging.getLogger(__name__)


def combinations(search: dict[str, list[Any]]) -> list[dict[str, Any]]:
    """All combinations of a grid; the last key varies fastest."""
    return [dict(zip(search, values)) for values in itertools.product(*search.values())]


def grid_search(config: Config) -> str:
    """Train every combination of the model's `search` keys and return the table, best first.

    A key that was overridden is not searched. Ties keep the grid's order.

    Raises:
        ConfigError: nothing to search.
    """
    grid = {k: v for k, v in config.search.items() if k not in config.overrides}
    if not grid:
        raise ConfigError(
            f"{config['model']}: its YAML has no `search` key whose values are free, so there is nothing to search."
        )
    dataset = load_dataset(config)
    config["device"] = resolve_device(config)
    features = dataset.features(config)
    tried = []
    for number, values in enumerate(combinations(grid), start=1):
        candidate = config.replaced(**values)
        _, loader, model = build(candidate, dataset, features)
        best = Trainer(model, candidate, dataset.splits.valid).fit(phases_of(model, loader, candidate)).best
        tried.append((best.score, values, best))
        log.info("%s %d/%d: %s -> %.4f", config["model"], number, len(combinations(grid)), values, best.score)
    tried.sort(key=lambda row: -row[0])
    lines = [
        f"{config['model']} on {config['dataset']}, validation {config['valid_metric']}, seed {config['seed']}, best "
        "first:"
    ]
    lines += [
        f"  {score:.4f}  {' '.join(f'{k}={v}' for k, v in values.items())}  ({best.phase}, epoch {best.epoch})"
        for score, values, best in tried
    ]
    return "\n".join(lines)
