"""A tuner without a run around it."""

from __future__ import annotations

from mmrec_host.config import Config
from mmrec_host.runs.build import build
from ptmrec_plugin.items.item_encoder import ItemEncoder
from ptmrec_plugin.stage2.options import TuningOptions
from ptmrec_plugin.stage2.tuner import Tuner


def make_tuner(config: Config) -> Tuner:
    """The tuner of one step that a run of `config` would begin with."""
    dataset, loader, _ = build(config)
    items = ItemEncoder(config, dataset.folder, loader.n_items)
    return Tuner(TuningOptions.from_config(config), items, list(loader.features.tables()), 1)
