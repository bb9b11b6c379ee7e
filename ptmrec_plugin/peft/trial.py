"""A variant is tried on two items before anything is trained with it: what would spoil a run is refused here."""

from __future__ import annotations

import logging
import tempfile
from pathlib import Path
from typing import Any

import torch

from mmrec_host.errors import ConfigError
from mmrec_host.random_states import forked_random_states, random_states

from ..encoders.build import build_encoder
from ..encoders.dual import DualEncoder
from ..encoders.sample_features import features, features_alone
from ..encoders.sample_items import relative_error
from .base import Handle, apply_variant

log = logging.getLogger(__name__)

N_ITEMS = 2
ROWS = 1e-5  # relative error that the order of additions may bring
ROUNDING = 10  # times what the frozen encoder itself has, where its device rounds more
IDENTITY = 1e-4
STEP = 0.1  # of a parameter's own deviation
LARGEST = 2**26  # numbers that are saved and loaded for the trial; above it are the encoder's own weights


def try_variant(config: Any, modalities: list[str]) -> None:
    """Try the configuration's variant on an encoder of its own; random states stay as they are.

    Raises:
        ConfigError: as `apply_tried`.
    """
    with forked_random_states(random_states()):
        apply_tried(build_encoder(config).to(config["device"]), config, modalities)


def apply_tried(encoder: DualEncoder, config: Any, modalities: list[str]) -> Handle:
    """Apply the variant of the configuration, and try it; the handle begins as if it had not been tried.

    A variant that says that it begins as the frozen encoder and does not is warned of.

    Raises:
        ConfigError: as the variant; the features of an item depend on those beside it; what is saved does not load to
            the same features.
    """
    frozen, rounding = features(encoder, N_ITEMS), _rows_error(encoder)
    fresh = encoder.copy()
    handle = apply_variant(encoder, config, modalities)
    if not handle.cuts:
        return handle
    name = name_of(config)
    _say_how_it_begins(handle, name, relative_error(features(encoder, N_ITEMS), frozen))
    start = handle.state()
    try:
        move(handle)
        _require_rows_apart(handle, name, rounding)
        if handle.n_parameters() <= LARGEST:
            _require_that_it_loads(handle, name, fresh, config, modalities)
    finally:
        handle.load_state(start)
    return handle


def name_of(config: Any) -> str:
    """The variant as messages call it."""
    method = config["peft_method"] if "peft_method" in config else None
    return f"peft={config['peft']}" + (f" ({str(method).upper()})" if method else "")


@torch.no_grad()
def move(handle: Handle) -> None:
    """Move every parameter a little, away from where a method does nothing yet."""
    generator = torch.Generator().manual_seed(0)
    for parameter in handle.named_parameters().values():
        deviation = parameter.std().item() if parameter.numel() > 1 else 0.0
        noise = torch.randn(parameter.shape, generator=generator).to(parameter)
        parameter.add_((STEP * deviation or STEP / 2) * noise)


def _rows_error(encoder: DualEncoder) -> float:
    return relative_error(features_alone(encoder, N_ITEMS), features(encoder, N_ITEMS))


def _say_how_it_begins(handle: Handle, name: str, error: float) -> None:
    if handle.identity_at_start and error > IDENTITY:
        log.warning(
            "%s does not begin as the frozen encoder: its first features are %.2g (relative) away from those that "
            "stage 1 trains on.%s",
            name, error, handle.how_to_begin,
        )  # fmt: skip


def _require_rows_apart(handle: Handle, name: str, rounding: float) -> None:
    error = _rows_error(handle.encoder)
    if error > max(ROWS, ROUNDING * rounding):
        raise ConfigError(
            f"{name} mixes the items of a batch: two items have other features together than each alone, by "
            f"{error:.2g} (relative). Chunks, processes and the cache would all change what is learned, so it cannot "
            "be used here. `ptmrec list peft` shows variants that encode each item for itself."
        )


def _require_that_it_loads(handle: Handle, name: str, fresh: DualEncoder, config: Any, modalities: list[str]) -> None:
    """Into an encoder of its own, whose variant began in another random state, as it will be in another process."""
    tuned = features(handle.encoder, N_ITEMS)
    device = tuned["v"].device
    with torch.random.fork_rng([device] if device.type == "cuda" else []), tempfile.TemporaryDirectory() as folder:
        torch.manual_seed(1)
        other = apply_variant(fresh, config, modalities)
        handle.save(Path(folder))
        try:
            other.load(Path(folder))
        except ConfigError as refusal:
            raise ConfigError(
                f"{name} cannot be used: what it saves cannot be loaded again, so the run's adapter would be lost. "
                f"{refusal}"
            ) from refusal
        away = relative_error(features(other.encoder, N_ITEMS), tuned)
    if away > IDENTITY:
        raise ConfigError(
            f"{name} cannot be used: what it saves loads to other features, {away:.2g} (relative) away, so not all "
            "that they depend on is saved. `ptmrec list peft` shows variants whose adapters load."
        )
