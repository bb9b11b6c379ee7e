"""What PTMRec on a dataset will cost, estimated before anything is trained: one small batch is encoded and timed."""

from __future__ import annotations

import time
from typing import Any

import numpy as np
import torch

from feature_cache import describe

from .item_encoder import ItemEncoder
from .peft.base import BLOCK_KEYS, chosen_blocks
from .phases import MODES
from .sources.encoded import require_raw_content

MB = 2**20
TIMED_ITEMS = 8
BACKWARD = 3  # forward and backward together cost about three forwards
HALF = 2  # bytes of a cached activation


def estimate(config: Any, dataset: Any) -> list[str]:
    """Lines on encodings, cache, time and activations on this machine; an encoder that fails to load raises."""
    mode = MODES[config["mode"]]
    n_items = dataset.interactions.n_items
    stages = [name for name, there in (("stage 1", mode.stage1), ("stage 2", mode.stage2)) if there]
    lines = [f"mode {config['mode']}: {', then '.join(stages)}"]
    if config["features"] != "encoder":
        return lines
    require_raw_content(config, dataset.folder)
    items = ItemEncoder(config, dataset.folder, n_items)
    held = describe(items.store)
    lines.append(
        f"cache {items.store.path}: {sum(s.nbytes for s in held) / MB:,.1f} MB in {len(held)} sets, raw content besides"
    )
    sample = np.arange(min(TIMED_ITEMS, n_items))
    for modality in config["modalities"]:
        seconds, shapes = _time(items, modality, sample)
        once = _minutes(seconds * n_items)
        line = f"tower {modality}: {seconds * 1000:.1f} ms an item, the catalogue once {once} (then cached)"
        if mode.peft:
            tower = items.encoder.towers[modality]
            blocks = chosen_blocks(tower, config[BLOCK_KEYS[modality]], BLOCK_KEYS[modality])
            if blocks:
                cut = min(blocks)
                share = (tower.n_blocks - cut) / tower.n_blocks
                line += (
                    f"; tuned from block {cut} of {tower.n_blocks}: a stage-2 epoch about "
                    f"{_minutes(BACKWARD * share * seconds * n_items)}, activations at the cut "
                    f"{shapes[cut] * HALF * n_items / MB:,.0f} MB"
                )
        lines.append(line)
    if mode.stage2:
        epochs = config["joint_epochs"] if mode.from_scratch else config["stage2_epochs"]
        pools = config["batching"] == "item_pool"
        encodings = n_items if pools else 2 * len(dataset.splits.train_users)
        batches = -(-n_items // config["pool_size"]) if pools else -(-encodings // 2 // config["train_batch_size"])
        lines.append(
            f"stage 2: at most {epochs} epochs of {batches:,} batches"
            + (f", {encodings:,} encodings an epoch at most and {n_items:,} for each evaluation" if mode.peft else "")
        )
    return lines


@torch.no_grad()
def _time(items: ItemEncoder, modality: str, sample: np.ndarray) -> tuple[float, list[float]]:
    """Seconds an item through the whole tower, and the numbers that an item's activations hold before each block."""
    encoder = items.encoder
    inputs = items.inputs(encoder, modality, sample)
    encoder.encode(modality, inputs).cpu()  # the first call pays for set-up
    started = time.perf_counter()
    encoder.encode(modality, inputs).cpu()  # waits for the device
    seconds = (time.perf_counter() - started) / len(sample)
    tower = encoder.towers[modality]
    states, sizes = tower.stem(inputs), []
    for block in range(tower.n_blocks):
        sizes.append(states.hidden.numel() / len(sample))
        states = tower.block(block, states)
    return seconds, sizes


def _minutes(seconds: float) -> str:
    return f"{seconds:.0f} s" if seconds < 90 else f"{seconds / 60:.0f} min"
