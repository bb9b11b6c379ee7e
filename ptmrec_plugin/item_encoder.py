"""From raw items to features: the encoder over the cached content of one dataset."""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor

from feature_cache import Content, DerivedArrays, Store, import_content
from mmrec_host.config import Config

from .encoders.dual import ENCODERS, DualEncoder
from .encoders.towers import States

if TYPE_CHECKING:
    from .tuned import TunedEncoder

GAP_SEED = 20250220  # fixed: the planted projection belongs to the control, not to a run


def build_encoder(config: Any) -> DualEncoder:
    """A fresh encoder of the configuration's `encoder` option group, on the CPU."""
    return ENCODERS.get(config["encoder_builder"] or config["encoder"])(config)


def encoder_identity(config: Any) -> dict[str, Any]:
    """What identifies the encoder's output; weights are loaded and hashed once a process."""
    return _identity(tuple((k, config[k]) for k in sorted(config) if k == "encoder" or k.startswith("encoder_")))


@functools.lru_cache(maxsize=8)
def _identity(options: tuple[tuple[str, Any], ...]) -> dict[str, Any]:
    return build_encoder(Config(dict(options))).identity


@dataclass(frozen=True)
class Transform:
    """What follows the towers: the planted projection if there is one, then centring and scaling by frozen constants.

    Attributes:
        projection: [d, planted_gap] or None.
        mean: [d_out]; scale: the root of the mean squared norm of the centred frozen features.
    """

    projection: Tensor | None
    mean: Tensor
    scale: Tensor

    def __call__(self, pooled: Tensor) -> Tensor:
        """Features [batch, d_out] from what the tower pools [batch, d]."""
        projected = pooled if self.projection is None else pooled @ self.projection
        return (projected - self.mean) / self.scale

    @classmethod
    def fit(cls, pooled: Tensor, modality: str, config: Any) -> Transform:
        """Constants from the frozen features of all items [n_items, d]."""
        projection = None
        if config["planted_gap"]:
            generator = torch.Generator().manual_seed(GAP_SEED + ord(modality))
            projection = (
                torch.randn(pooled.shape[1], int(config["planted_gap"]), generator=generator) / pooled.shape[1] ** 0.5
            )
            projection = projection.to(pooled)
            pooled = pooled @ projection
        if config["feature_norm"] == "none":
            return cls(projection, pooled.new_zeros(pooled.shape[1]), pooled.new_ones(()))
        mean = pooled.mean(0)
        scale = (pooled - mean).square().sum(1).mean().sqrt().clamp_min(1e-12)
        return cls(projection, mean, scale)


class ItemEncoder:
    """The items of one dataset before one encoder.

    Args:
        folder: the dataset's folder with `images/` and `items.jsonl`.
    """

    def __init__(self, config: Any, folder: Path, n_items: int) -> None:
        self.config, self.n_items = config, n_items
        self.store = Store(Path(config["cache_path"]) / config["dataset"])
        self.content: Content = import_content(self.store, folder, n_items, progress=bool(config["progress"]))
        self.chunk = int(config["encode_batch_size"])

    @functools.cached_property
    def encoder(self) -> DualEncoder:
        """The frozen encoder, loaded when something has to be encoded."""
        return build_encoder(self.config).to(self.config["device"])

    def _fields(self, modality: str, **more: Any) -> dict[str, Any]:
        return {
            **encoder_identity(self.config),
            "modality": modality,
            "content": self.content.digest,
            "chunk": self.chunk,
            **more,
        }

    def inputs(self, encoder: DualEncoder, modality: str, items: np.ndarray) -> Tensor:
        """Pixels or token ids of the given items, on the encoder's device."""
        if modality == "v":
            batch = encoder.pixels([self.content.image(int(i)) for i in items])
        else:
            batch = encoder.tokens([self.content.text(int(i)) for i in items])
        return batch.to(self.config["device"])

    def _build(
        self, arrays: DerivedArrays, label: str, encode: Callable[[np.ndarray], list[np.ndarray]]
    ) -> DerivedArrays:
        if not arrays.complete:
            with torch.no_grad():
                arrays.build(encode, self.chunk, label, progress=bool(self.config["progress"]))
        return arrays

    def pooled(self, modality: str, tuned: TunedEncoder | None = None) -> Tensor:
        """What the frozen tower pools, or a tuned one, float32 [n_items, d]; computed once and cached."""
        more = {} if tuned is None else {"adapter": tuned.digest}
        arrays = DerivedArrays(self.store, self._fields(modality, kind="pooled", dtype="float32", **more), self.n_items)

        def encode(items: np.ndarray) -> list[np.ndarray]:
            encoder = self.encoder if tuned is None else tuned.encoder
            compute = encoder.encode if tuned is None else tuned.encode
            return list(compute(modality, self.inputs(encoder, modality, items)).float().cpu().numpy())

        label = f"encode {modality}" if tuned is None else f"encode {modality}, tuned"
        return torch.from_numpy(self._build(arrays, label, encode).table()).to(self.config["device"])

    def states(self, encoder: DualEncoder, modality: str, cut: int) -> DerivedArrays:
        """Activations that enter block `cut`, float16, of texts only the tokens that are there.

        Args:
            encoder: this one, or one that a PEFT variant has changed from that block on.
        """
        kind = encoder.towers[modality].kind
        arrays = DerivedArrays(self.store, self._fields(modality, kind=kind, block=cut, dtype="float16"), self.n_items)

        def encode(items: np.ndarray) -> list[np.ndarray]:
            states = encoder.states(modality, self.inputs(encoder, modality, items), cut)
            hidden = states.hidden.half().cpu().numpy()
            if states.tokens is None:
                return list(hidden)
            lengths = encoder.lengths(states.tokens).tolist()
            return [row[:length] for row, length in zip(hidden, lengths)]

        return self._build(arrays, f"activations {modality}", encode)

    def transform(self, modality: str) -> Transform:
        """What follows the tower, fitted to its frozen features."""
        return Transform.fit(self.pooled(modality), modality, self.config)


def stack_states(rows: list[np.ndarray], tokens: Tensor | None, device: torch.device) -> States:
    """One batch from cached activations; those of texts [length_i, width] are filled up to the longest."""
    if tokens is None:
        return States(torch.from_numpy(np.stack(rows)).to(device).float())
    longest = max(len(row) for row in rows)
    hidden = np.zeros((len(rows), longest, rows[0].shape[1]), np.float16)
    for place, row in zip(hidden, rows):
        place[: len(row)] = row
    return States(torch.from_numpy(hidden).to(device).float(), tokens[:, :longest].to(device))
