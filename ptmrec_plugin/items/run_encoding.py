"""The items of a dataset before an encoder, frozen or as a run tuned it."""

from __future__ import annotations

import argparse
import logging
from dataclasses import dataclass
from typing import Any

from torch import Tensor

from mmrec_host.cli.plugins import load_plugins
from mmrec_host.cli.run_argument import machine_keys, open_named_run
from mmrec_host.config import Config, load_config, parse_overrides
from mmrec_host.data.dataset import load_dataset
from mmrec_host.data.features import wanted_modalities
from mmrec_host.device import resolve_device
from mmrec_host.errors import ConfigError
from mmrec_host.runs.finished_run import FinishedRun
from mmrec_host.trust import HERE

from .feature_source import require_raw_content
from .item_encoder import ItemEncoder
from .tuned_encoder import TunedEncoder, tuned_encoder

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Encoding:
    """What `features` computes, or reads from the cache where it has been computed before.

    Attributes:
        modalities: v, t or both.
        tuned: the encoder with a trained adapter; None for the frozen one.
    """

    items: ItemEncoder
    modalities: list[str]
    tuned: TunedEncoder | None = None

    def pooled(self, modality: str) -> Tensor:
        """What the tower pools, float32 [n_items, d]."""
        return self.items.pooled(modality, self.tuned)

    def features(self, modality: str) -> Tensor:
        """What recommenders read, float32 [n_items, d]: centred and scaled by the frozen features (`feature_norm`)."""
        return self.items.transform(modality)(self.pooled(modality))


def encoding_of(args: argparse.Namespace) -> Encoding:
    """The encoding that the command line names: of the frozen encoder by keys, or of a run's encoder.

    Raises:
        UserError: neither a dataset nor a run, a run whose features come from files, no raw images and texts.
    """
    if args.run is not None:
        return of_run(open_named_run(args), args.dataset, machine_keys(args))
    if args.dataset is None:
        raise ConfigError("say -d NAME for the frozen features of a dataset, or --run RUN for a run's encoder.")
    load_plugins(args)
    config = load_config("encode", args.dataset, overrides=parse_overrides(args.overrides, [])[None])
    config["progress"] = config["progress"] and not args.quiet
    return Encoding(_items(config, config), wanted_modalities(config))


def of_run(run: FinishedRun, dataset: str | None, machine: dict[str, Any]) -> Encoding:
    """The encoder of a run, with its adapter if it has one, before the run's items or those of another dataset."""
    if run.config["features"] != "encoder":
        raise ConfigError(
            f"{run.record.path}: its features come from files (features={run.config['features']}), so there is no "
            "encoder to encode with."
        )
    tuned = tuned_encoder(run)
    if tuned is None:
        log.info("%s: its best state reads frozen features; these are meant", run.record.path)
    data = run.config
    if dataset not in (None, run.config["dataset"]):
        here = {"data_path": run.config["data_path"], **{key: machine[key] for key in HERE if key in machine}}
        data = load_config("encode", dataset, overrides=here)
    return Encoding(_items(run.config, data), wanted_modalities(run.config), tuned)


def _items(encoder: Config, data: Config) -> ItemEncoder:
    """The items that `data` names before the encoder that `encoder` names."""
    dataset = load_dataset(data)
    config = encoder.replaced(dataset=data["dataset"], device=resolve_device(data))
    require_raw_content(config, dataset.folder)
    return ItemEncoder(config, dataset.folder, dataset.interactions.n_items)
