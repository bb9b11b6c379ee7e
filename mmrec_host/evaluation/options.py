"""What an evaluation needs to know of the configuration, checked once, before anything is read or trained."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch

from ..config import Config
from ..device import resolve_device
from ..errors import ConfigError, noted
from ..yaml_values import flow
from .metrics import METRICS


@dataclass(frozen=True)
class EvaluationOptions:
    """How a model is evaluated.

    Attributes:
        metrics: names in `METRICS`, in small letters.
        cutoffs: lengths k of the rankings that are scored, ascending.
        valid_metric: the one of `names()` that selects the best state.
        batch_size: users scored at once.
        device: where the model is.
        selection: whose `valid_metric` that is: warm (of the ordinary ranking), new (of the new items), or their mean.
        window: a state is selected by the mean over so many evaluations, its own and those before.
    """

    metrics: tuple[str, ...]
    cutoffs: tuple[int, ...]
    valid_metric: str
    batch_size: int
    device: torch.device
    selection: str = "warm"
    window: int = 1

    @classmethod
    def from_config(cls, config: Config) -> EvaluationOptions:
        """The options in `metrics`, `topk` (each one value or a list), `valid_metric`, `eval_batch_size` and `device`.

        Raises:
            ConfigError: all that is wrong, reported together: an unknown metric or none, a cutoff that is no positive
                integer, a `valid_metric` that is not among what is computed, a device that is not there.
        """
        errors: list[str] = []
        metrics = _metrics(config["metrics"], errors)
        cutoffs = _cutoffs(config["topk"], errors)
        valid_metric = str(config["valid_metric"]).lower()
        known = _names(metrics, cutoffs)
        if not errors and valid_metric not in known:
            errors.append(
                f"valid_metric={flow(config['valid_metric'])}: not computed; known: {', '.join(known)}. The keys "
                "metrics and topk say what is computed."
            )
        with noted(errors):
            device = resolve_device(config)
        if errors:
            raise ConfigError("\n".join(errors))
        selection = config["selection"] or "warm"  # older runs have no such key
        window = config["selection_window"] or 1
        return cls(tuple(metrics), tuple(cutoffs), valid_metric, config["eval_batch_size"], device, selection, window)

    def names(self) -> list[str]:
        """Names of what is computed: "recall@5", "recall@10", …"""
        return _names(self.metrics, self.cutoffs)


def _names(metrics: Sequence[str], cutoffs: Sequence[int]) -> list[str]:
    return [f"{metric}@{k}" for metric in metrics for k in cutoffs]


def _metrics(said: Any, errors: list[str]) -> list[str]:
    names = [str(name).lower() for name in (said if isinstance(said, list | tuple) else [said] if said else [])]
    if not names:
        errors.append(f"metrics is empty: name at least one of {', '.join(METRICS.names())}.")
    for name in names:
        with noted(errors):
            METRICS.get(name)
    return list(dict.fromkeys(names))


def _cutoffs(said: Any, errors: list[str]) -> list[int]:
    cutoffs = list(said) if isinstance(said, list | tuple) else [said]
    if not cutoffs or any(not isinstance(k, int) or isinstance(k, bool) or k < 1 for k in cutoffs):
        errors.append(f"topk must be a positive integer or a list of such, not {said!r}.")
        return []
    return sorted(set(cutoffs))
