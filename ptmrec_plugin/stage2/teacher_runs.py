"""Teachers beside the base: recommenders that are trained, or found trained, in runs of their own."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from mmrec_host.config import Config, known_keys
from mmrec_host.errors import ConfigError
from mmrec_host.models.base import MODELS

from .base_run import OF_ONE_MODEL, run_beside, run_config
from .teachers import Trained, teacher_of

BASE = "base"
"""The name of PTMRec's own base among the teachers."""


def teacher_names(config: Any) -> list[str]:
    """The teachers that the key `kt_teacher` names, each once; `base` and the base's own name are the same one.

    Raises:
        ConfigError: no name, an unknown one, or PTMRec itself.
    """
    asked = config["kt_teacher"]
    asked = [asked] if isinstance(asked, str) else asked
    if not isinstance(asked, list) or not asked or not all(isinstance(name, str) for name in asked):
        raise ConfigError(f"kt_teacher={asked}: must be a list of recommenders, such as [base, FREEDOM].")
    for name in asked:
        if name == config["model"]:
            raise ConfigError(f"kt_teacher={asked}: {name} cannot teach itself. Name its base by `base`, or others.")
        if name != BASE:
            MODELS.get(name)
    return list(dict.fromkeys(BASE if name == config["base"] else name for name in asked))


def teacher_values(config: Config) -> dict[str, Any]:
    """The `key=value` words of a command that a teacher is given too: the keys that every model has."""
    common = known_keys("", config["dataset"], {}) - OF_ONE_MODEL
    return {key: value for key, value in config.overrides.items() if key in common}


def check_teachers(names: Sequence[str], config: Config) -> None:
    """Resolve the configurations of the teachers beside the base; `ConfigError` if one of them is wrong."""
    for name in names:
        if name != BASE:
            run_config(name, teacher_values(config), config)


def train_teachers(names: Sequence[str], config: Config) -> list[Trained]:
    """The teachers beside the base, trained on the same rows and features and selected by validation.

    Raises:
        ConfigError: the configuration of one of them is wrong.
    """
    others, values = [name for name in names if name != BASE], teacher_values(config)
    check_teachers(others, config)  # all of them before one is trained
    trained = []
    for name in others:
        model, result = run_beside(name, values, config)
        trained.append(teacher_of(name, model, result.valid[config["valid_metric"].lower()]))
    return trained
