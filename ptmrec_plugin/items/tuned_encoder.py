"""The encoder as a run left it: with its trained adapter, to encode anything."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from mmrec_host.errors import ConfigError, DataError
from mmrec_host.runs.finished_run import FinishedRun

from ..encoders.build import build_encoder
from ..peft.base import STEM, apply_variant

# What `ptmrec export adapter` puts beside an adapter.
CARD, SETTINGS = "README.md", "settings.yaml"


class TunedEncoder:
    """An encoder with a trained adapter.

    Args:
        config: of the run that trained it.
        folder: the adapter, as `Handle.save` wrote it.

    Attributes:
        encoder: computes with the adapter.
        digest: of the adapter's files and of the settings under which it was trained.
    """

    def __init__(self, config: Any, folder: Path) -> None:
        self.config = config
        self.encoder = build_encoder(config).to(config["device"])
        self.handle = apply_variant(self.encoder, config, list(config["modalities"]))
        self.digest = _digest(config, folder)
        self.handle.load(folder)
        if _digest(config, folder) != self.digest:
            raise DataError(f"{folder}: the adapter was changed while it was read. Start again.")
        self.handle.train(False)

    @torch.no_grad()
    def encode(self, modality: str, inputs: Tensor) -> Tensor:
        """Features [batch, dim] of pixels or token ids, computed as in training.

        Where training read cached activations, they are rounded to half precision here too.
        """
        cut = self.handle.cuts.get(modality, STEM)
        if cut == STEM or not self.config["reuse_activations"]:
            return self.encoder.encode(modality, inputs)
        states = self.encoder.states(modality, inputs, cut)
        return self.encoder.finish(modality, replace(states, hidden=states.hidden.half().float()), cut)


def _digest(config: Any, folder: Path) -> str:
    sha = hashlib.sha256(config.settings_sha().encode())
    files = folder.iterdir() if folder.is_dir() else ()
    for file in sorted(path for path in files if path.is_file() and path.name not in (CARD, SETTINGS)):
        sha.update(file.name.encode() + file.read_bytes())
    return sha.hexdigest()[:24]


def adapter_folder(run: FinishedRun) -> Path | None:
    """Where the adapter of a run lies whose best state is a tuned one; None if it scores with frozen features."""
    frozen = run.loader.features.tables()
    if all(torch.equal(table, frozen[modality]) for modality, table in run.item_features().items()):
        return None
    return run.record.path / "adapter"


def not_tuned(run: FinishedRun) -> ConfigError:
    """The error for what needs an adapter, of a run whose best state reads frozen features."""
    best = run.record.info["best"]
    return ConfigError(
        f"{run.record.path}: there is no tuned adapter. By validation its best state is epoch {best['epoch']} of "
        f"{best['phase']}, which reads frozen features."
    )


def tuned_encoder(run: FinishedRun) -> TunedEncoder | None:
    """The encoder that a run's features come from, if it was tuned; None for the frozen one."""
    folder = adapter_folder(run)
    return None if folder is None else TunedEncoder(run.config, folder)
