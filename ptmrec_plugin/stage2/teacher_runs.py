"""Teachers beside the base: recommenders that are trained, or found trained, in runs of their own."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from mmrec_host.config import Config, known_keys, load_config
from mmrec_host.errors import ConfigError
from mmrec_host.models.base import MODELS
from mmrec_host.random_states import forked_random_states, random_states
from mmrec_host.runs.engine import run

from .teachers import Trained, teacher_of

BASE = "base"
"""The name of PTMRec's own base among the teachers."""


OF_ONE_MODEL = {"use_neg_sampling", "is_multimodal_model", "req_training", "end2end"}
"""Keys of overall.yaml that say what kind of model one is, and so are none of another's."""


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


def teacher_config(name: str, config: Config) -> Config:
    """What `-m NAME` would be with the same `key=value` words, as far as these are keys that every model has.

    A run of these settings that has finished is not run again, an interrupted one goes on.
    """
    common = known_keys("", config["dataset"], {}) - OF_ONE_MODEL
    given = {key: value for key, value in config.overrides.items() if key in common}
    here = {key: config[key] for key in ("seed", "data_path", "run_path", "cache_path", "progress", "threads")}
    loaded = load_config(name, config["dataset"], overrides=given)
    return loaded.replaced(**here, device=config["device"], resume=True, save_model=True)


def train_teachers(names: Sequence[str], config: Config) -> list[Trained]:
    """The teachers beside the base, trained on the same rows and features and selected by validation.

    The run that is being prepared goes on in the random state that it was in.

    Raises:
        ConfigError: the configuration of one of them is wrong.
        DataError: a run of the same settings was on another split or on other features.
    """
    others = [name for name in names if name != BASE]
    configs = [teacher_config(name, config) for name in others]  # all are checked before one is trained
    trained = []
    for name, own in zip(others, configs, strict=True):
        with forked_random_states(random_states()):
            result = run(own)
        if result.model is None:
            raise ConfigError(f"{result.record.path}: this run of {name} kept no model. Delete it to train it anew.")
        trained.append(teacher_of(name, result.model, result.valid[config["valid_metric"].lower()]))
    return trained
