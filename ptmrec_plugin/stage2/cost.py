"""What PTMRec on a dataset will cost, estimated before anything is trained: one small batch is encoded and timed."""

from __future__ import annotations

import time
from dataclasses import replace
from typing import Any

import numpy as np
import torch

from feature_cache import describe

from ..items.feature_source import require_raw_content
from ..items.item_encoder import ItemEncoder
from ..peft.base import STEM, apply_variant
from ..peft.trial import apply_tried
from .live_encoder import LiveEncoder
from .memory import step_needs
from .options import TuningOptions

MB = 2**20
TIMED_ITEMS = 8
BACKWARD = 3  # forward and backward together cost about three forwards
HALF = 2  # bytes of a cached activation


def estimate(config: Any, dataset: Any, *, stage2: bool, peft: bool, from_scratch: bool) -> list[str]:
    """Lines on encodings, cache, time and activations on this machine; an encoder that fails to load raises.

    Args:
        stage2, peft, from_scratch: what the mode does.
    """
    n_items = dataset.interactions.n_items
    lines: list[str] = []
    if config["features"] != "encoder":
        return lines
    require_raw_content(config, dataset.folder)
    items = ItemEncoder(config, dataset.folder, n_items)
    held = describe(items.store)
    lines.append(
        f"cache {items.store.path}: {sum(s.nbytes for s in held) / MB:,.1f} MB in {len(held)} sets, raw content besides"
    )
    sample = np.arange(min(TIMED_ITEMS, n_items))
    seconds = {m: _time(items, m, sample) for m in config["modalities"]}
    cuts: dict[str, int] = {}
    if peft:
        handle = apply_tried(items.encoder, config, list(config["modalities"]))
        cuts = handle.cuts
        lines.append(f"peft {config['peft']}: {handle.n_parameters():,} parameters")
    for modality, each in seconds.items():
        once = _minutes(each * n_items)
        line = f"tower {modality}: {each * 1000:.1f} ms an item, the catalogue once {once} (then cached)"
        if modality in cuts:
            line += f"; {_tuned(items, modality, sample, cuts[modality], BACKWARD * each * n_items)}"
        lines.append(line)
    if stage2:
        epochs = config["joint_epochs"] if from_scratch else config["stage2_epochs"]
        pools = config["batching"] == "item_pool"
        encodings = n_items if pools else 2 * len(dataset.splits.train_users)
        batches = -(-n_items // config["pool_size"]) if pools else -(-encodings // 2 // config["train_batch_size"])
        lines.append(
            f"stage 2: at most {epochs} epochs of {batches:,} batches"
            + (f", {encodings:,} encodings an epoch at most and {n_items:,} for each evaluation" if peft else "")
        )
    return lines


def training_memory(config: Any, dataset: Any) -> float:
    """Bytes that the encoder's weights and a step through the tuned blocks need."""
    items = ItemEncoder(config, dataset.folder, dataset.interactions.n_items)
    modalities = list(config["modalities"])
    handle = apply_variant(items.encoder, config, modalities)
    options = replace(TuningOptions.from_config(config, peft=True), reuse_activations=False)  # none need be there yet
    needs = step_needs(LiveEncoder(options, items, handle), min(options.most_items, items.n_items))
    return sum(weights.nbytes for weights in items.encoder.parameters()) + needs


def _time(items: ItemEncoder, modality: str, sample: np.ndarray) -> float:
    """Seconds an item through the whole tower."""
    encoder = items.encoder
    inputs = items.inputs(encoder, modality, sample).to(items.config["device"])
    with torch.no_grad():
        encoder.encode(modality, inputs).cpu()  # the first call pays for set-up
        started = time.perf_counter()
        encoder.encode(modality, inputs).cpu()  # waits for the device
    return (time.perf_counter() - started) / len(sample)


def _tuned(items: ItemEncoder, modality: str, sample: np.ndarray, cut: int, whole: float) -> str:
    """What tuning from a cut costs, if all of the tower would take `whole` seconds an epoch."""
    tower = items.encoder.towers[modality]
    if cut == STEM:
        return f"all of it tuned: a stage-2 epoch about {_minutes(whole)}, nothing cached"
    with torch.no_grad():
        inputs = items.inputs(items.encoder, modality, sample).to(items.config["device"])
        states = items.encoder.states(modality, inputs, cut)
    cached = f"activations {states.hidden.numel() / len(sample) * HALF * items.n_items / MB:,.0f} MB"
    if not tower.n_blocks:
        return f"a network beside it tuned, {cached}"
    share = (tower.n_blocks - cut) / tower.n_blocks
    return f"tuned from block {cut} of {tower.n_blocks}: a stage-2 epoch about {_minutes(share * whole)}, {cached}"


def _minutes(seconds: float) -> str:
    return f"{seconds:.0f} s" if seconds < 90 else f"{seconds / 60:.0f} min"
