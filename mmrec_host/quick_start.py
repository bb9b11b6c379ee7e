"""The Python entry, by MMRec's name: train one model on one dataset and get the results back."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from .cli.log_handler import log_to_stderr
from .config import load_config
from .models.base import MODELS
from .runs.engine import Result, run

__all__ = ["Result", "quick_start"]


def quick_start(
    model: str, dataset: str, config_dict: Mapping[str, Any] | None = None, save_model: bool | None = None
) -> Result:
    """Train `model` on `dataset` and score the test split once, at the best epoch.

    What goes on is logged to stderr, unless `progress` is false or the program has set up logging itself.

    Args:
        config_dict: keys that win over the YAML files, as `key=value` does on the command line.
        save_model: keep the best state in the run folder; None leaves it to the key `save_model`.

    Raises:
        UserError: a message that says what is wrong and what to do.
    """
    MODELS.get(model)
    saving = {} if save_model is None else {"save_model": save_model}
    config = load_config(model, dataset, overrides={**(config_dict or {}), **saving})
    with log_to_stderr(bool(config["progress"])):
        return run(config)
