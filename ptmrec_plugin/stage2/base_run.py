"""Stage 1, from which stage 2 starts: the base as it would train alone, in a run that later runs find again."""

from __future__ import annotations

import logging
import time
from typing import Any

from mmrec_host.config import MACHINE_KEYS, Config, load_config
from mmrec_host.models.contract import Model, scorer
from mmrec_host.random_states import forked_random_states, random_states
from mmrec_host.runs.engine import Result, run
from mmrec_host.runs.record import OtherData
from mmrec_host.training.model_state import restore, snapshot
from mmrec_host.training.phases import SinglePhase, TrainedBefore

log = logging.getLogger(__name__)

OF_ONE_MODEL = {"model", "use_neg_sampling", "is_multimodal_model", "req_training", "end2end"}
"""Keys that every model has and that say what kind of model one is: none of another's."""

STAGE1 = "stage1"
"""The phase's name."""


def run_beside(name: str, values: dict[str, Any], config: Config) -> tuple[Model, Result]:
    """Another recommender, trained with these values on the data and with the seed of `config`, and its run.

    A run that has finished is not made again, an interrupted one goes on. What is being prepared goes on in the random
    state that it was in.

    Raises:
        ConfigError: the configuration is wrong.
    """
    own = run_config(name, values, config)
    with forked_random_states(random_states()):
        try:
            result = run(own)
        except OtherData as error:
            log.info("%s is trained anew: %s", name, error)
            result = run(own.replaced(resume=False))
        if result.model is None:  # a finished run that kept none
            result = run(own.replaced(resume=False))
    assert result.model is not None
    return result.model, result


def run_config(name: str, values: dict[str, Any], config: Config) -> Config:
    """The configuration of such a run."""
    places = {key: config[key] for key in MACHINE_KEYS}
    own = load_config(name, config["dataset"], overrides=values)
    return own.replaced(**places | {"resume": True, "save_model": True})


def base_values(config: Config) -> dict[str, Any]:
    """What the base would be given on a command line to train as stage 1 does."""
    plain = load_config(config["base"], config["dataset"])
    ours = {**config, "trainable_features": False}  # PTMRec's slots are frozen tables
    shared = plain.keys() & ours.keys() - OF_ONE_MODEL - MACHINE_KEYS - {"dataset"}
    return {key: ours[key] for key in sorted(shared) if ours[key] != plain[key]}


class Stage1(SinglePhase):
    """The base with its own loss on frozen features; `mode=frozen` is this alone, number for number."""

    def __init__(self, model: Any, loader: Any, config: Config) -> None:
        super().__init__(model, loader, config, name=STAGE1)
        self.config = config

    def trained_before(self) -> TrainedBefore:
        """The best state of the base's own run, which is made now if there is none."""
        started = time.perf_counter()
        base, result = run_beside(self.config["base"], base_values(self.config), self.config)
        info = result.record.info
        seconds = info["seconds"] | {"before": info["seconds"]["total"] - (time.perf_counter() - started)}
        restore(scorer(self.model), snapshot(base))
        return TrainedBefore(info["best"]["epoch"], result.record.epochs(), seconds, info["notes"])
