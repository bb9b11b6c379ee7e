"""From raw items to features: the encoder over the cached content of one dataset."""

from __future__ import annotations

import functools
import logging
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import torch
from torch import Tensor

from feature_cache import Content, DerivedArrays, Store, import_content
from mmrec_host.processes import from_main, gather, main_first
from mmrec_host.ranks import is_main, n_processes, rank
from mmrec_host.waiting import alone

from ..encoders.build import build_encoder, encoder_identity
from ..encoders.dual import DualEncoder
from ..encoders.towers import States
from .cut_texts import describe_cut
from .load_ahead import load_ahead, n_workers
from .transform import Transform

log = logging.getLogger(__name__)


class Adapted(Protocol):
    """An encoder with a trained adapter.

    Attributes:
        digest: of the adapter and of the settings under which it was trained.
    """

    encoder: DualEncoder
    digest: str

    def encode(self, modality: str, inputs: Tensor) -> Tensor:
        """Features [batch, dim] of pixels or token ids, computed as in training."""


class ItemEncoder:
    """The items of one dataset before one encoder.

    Args:
        folder: the dataset's folder with `images/` and `items.jsonl`.
    """

    def __init__(self, config: Any, folder: Path, n_items: int) -> None:
        self.config, self.n_items = config, n_items
        self.store = Store(Path(config["cache_path"]) / config["dataset"])
        with main_first():
            largest, shown = round(1e6 * config["image_megabytes"]), bool(config["progress"])
            self.content: Content = import_content(self.store, folder, n_items, shown, largest)
        self.chunk = int(config["encode_batch_size"])

    @functools.cached_property
    def workers(self) -> int:
        """Processes that load what the encoder needs next."""
        return n_workers(self.config)

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
            **({"pixels": self.content.pixels} if modality == "v" and self.content.pixels > 1 else {}),
            **more,
        }

    def inputs(self, encoder: DualEncoder, modality: str, items: np.ndarray) -> Tensor:
        """Pixels or token ids of the given items, on the CPU."""
        if modality == "v":
            return encoder.pixels([self.content.image(int(i)) for i in items])
        return encoder.tokens([self.content.text(int(i)) for i in items])

    def _build(
        self,
        arrays: DerivedArrays,
        label: str,
        encoder: Callable[[], DualEncoder],
        encode: Callable[[Tensor], list[np.ndarray]],
    ) -> DerivedArrays:
        """Build what is not complete: `encode` pixels or tokens chunk by chunk, each process every so many chunks.

        The chunks are the same for any number of processes, and so are the bytes.
        """
        if from_main(arrays.intact):
            return arrays
        modality = arrays.fields["modality"]
        ahead: Iterator[tuple[np.ndarray, Tensor]] = iter(())

        def load(items: np.ndarray) -> Tensor:
            return self.inputs(encoder(), modality, items)

        def mine(first: int) -> list[np.ndarray]:
            """This process's chunks of a round that begins with item `first`, and of all rounds after it."""
            starts = range(first + rank() * self.chunk, self.n_items, n_processes() * self.chunk)
            return [np.arange(start, min(start + self.chunk, self.n_items)) for start in starts]

        def encode_chunk(first: int) -> list[np.ndarray]:
            nonlocal ahead
            if not (chunks := mine(first)):
                return []
            loaded = next(ahead, None)
            if loaded is None or loaded[0][0] != chunks[0][0]:  # at the start, or another process has gone on before
                encoder()  # loaded here, and handed to the workers
                ahead = load_ahead(load, chunks, self.workers)
                loaded = next(ahead)
            return encode(loaded[1].to(self.config["device"]))

        def encode_round(items: np.ndarray) -> list[np.ndarray]:
            first = from_main(lambda: int(items[0]))
            return [row for rows in gather(lambda: encode_chunk(first)) for row in rows]

        with torch.no_grad():
            if is_main():  # who alone knows how far the build is, and writes
                progress = bool(self.config["progress"])
                with alone(self._lock_file(arrays), f"does the same ({label})"):
                    arrays.build(encode_round, self.chunk, label, progress, chunks_a_step=n_processes())
                from_main(lambda: None)
            else:
                while (first := from_main(lambda: None)) is not None:
                    gather(lambda first=first: encode_chunk(first))
        return arrays

    def _lock_file(self, arrays: DerivedArrays) -> Path:
        """Beside the environment, which holds no files but its own."""
        return self.store.path.with_name(f".{self.store.path.name}-{arrays.fingerprint[:16]}.lock")

    def pooled(self, modality: str, tuned: Adapted | None = None) -> Tensor:
        """What the frozen tower pools, or a tuned one, float32 [n_items, d]; computed once and cached."""
        more = {} if tuned is None else {"adapter": tuned.digest}
        arrays = DerivedArrays(self.store, self._fields(modality, kind="pooled", dtype="float32", **more), self.n_items)

        encoder = (lambda: self.encoder) if tuned is None else (lambda: tuned.encoder)
        if modality == "t" and is_main() and not arrays.intact():
            self._say_what_is_cut(encoder())

        def encode(inputs: Tensor) -> list[np.ndarray]:
            compute = self.encoder.encode if tuned is None else tuned.encode
            return list(compute(modality, inputs).float().cpu().numpy())

        label = f"encode {modality}" if tuned is None else f"encode {modality}, tuned"
        return torch.from_numpy(self._build(arrays, label, encoder, encode).table()).to(self.config["device"])

    def _say_what_is_cut(self, encoder: DualEncoder) -> None:
        said = describe_cut(encoder.tokenize, [self.content.text(item) for item in range(self.n_items)])
        if said:
            log.warning("%s: %s", self.config["dataset"], said)

    def states(self, encoder: DualEncoder, modality: str, cut: int) -> DerivedArrays:
        """Activations that enter block `cut`, float16, of texts only the tokens that are there.

        Args:
            encoder: this one, or one that a PEFT variant has changed from that block on.
        """
        kind = encoder.towers[modality].kind
        arrays = DerivedArrays(self.store, self._fields(modality, kind=kind, block=cut, dtype="float16"), self.n_items)

        def encode(inputs: Tensor) -> list[np.ndarray]:
            states = encoder.states(modality, inputs, cut)
            hidden = states.hidden.half().cpu().numpy()
            if states.tokens is None:
                return list(hidden)
            lengths = encoder.lengths(states.tokens).tolist()
            return [row[:length] for row, length in zip(hidden, lengths)]

        return self._build(arrays, f"activations {modality}", lambda: encoder, encode)

    def transform(self, modality: str) -> Transform:
        """What follows the tower, fitted to its frozen features."""
        return Transform.fit(self.pooled(modality), modality, self.config)


def stack_states(rows: list[np.ndarray], tokens: Tensor | None) -> States:
    """One batch from cached activations, as stored; those of texts [length_i, width] are filled up to the longest."""
    if tokens is None:
        return States(torch.from_numpy(np.stack(rows)))
    longest = max(len(row) for row in rows)
    hidden = np.zeros((len(rows), longest, rows[0].shape[1]), np.float16)
    for place, row in zip(hidden, rows):
        place[: len(row)] = row
    return States(torch.from_numpy(hidden), tokens[:, :longest])
