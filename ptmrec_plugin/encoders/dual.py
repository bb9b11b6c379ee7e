"""The dual encoder: an open_clip model with unfused attention, its preprocessing and tokenizer, and the cut."""

from __future__ import annotations

import copy
import hashlib
import io
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch
from open_clip import CLIP, CustomTextCLIP
from PIL import Image
from torch import Tensor, nn

from feature_cache.pixels import upright_rgb
from mmrec_host.registry import Registry

from .choose_towers import choose_tower, reference_features, require_parity
from .sample_items import TEXTS, noise
from .towers import States, Tower
from .unfuse import unfuse

ENCODERS = Registry("encoder", group="ptmrec.encoders")
"""Name -> `build(config) -> DualEncoder`; its `defaults` are the keys of an encoder without a YAML."""

N_CHECKED = 2  # items on which an encoder is compared with the library
NO_PADDING = -1  # no token's id, for towers that read what fills a text up


class DualEncoder(nn.Module):
    """Image and text towers over one open_clip model.

    It always computes as in evaluation: frozen batch norms must not move and dropout would make cached activations
    wrong; a PEFT variant's own dropout is switched by its handle. When it is made, its features of two items are
    compared with those of open_clip's `encode_image` and `encode_text`; a tower that cannot be cut is a `WholeTower`.

    Args:
        name: for messages and the fingerprint.
        model: an open_clip CLIP or CustomTextCLIP; its attention is unfused here.
        preprocess: PIL image -> pixels [3, h, w].
        tokenize: texts -> token ids [n, context length].
        pad_id: the token that fills a text up.
        preprocessing: what identifies preprocessing and tokenizer, for the fingerprint.

    Raises:
        ConfigError: open_clip's own features cannot be computed, or the encoder's are others.
    """

    def __init__(
        self,
        name: str,
        model: CLIP | CustomTextCLIP,
        preprocess: Callable[[Image.Image], Tensor],
        tokenize: Callable[[Sequence[str]], Tensor],
        pad_id: int,
        preprocessing: dict[str, Any],
    ) -> None:
        super().__init__()
        self.name, self.preprocess, self.tokenize, self.pad_id = name, preprocess, tokenize, pad_id
        self.identity: dict[str, Any] = {
            "encoder": name,
            "weights": weights_hash(model),
            "preprocessing": preprocessing,
            "unfused": True,
        }
        texts = TEXTS[:N_CHECKED]
        inputs = {"v": noise(_pair(model.visual.image_size), N_CHECKED), "t": tokenize(list(texts))}
        expected = {m: reference_features(model.eval(), m, x) for m, x in inputs.items()}
        self.model: CLIP | CustomTextCLIP = unfuse(model).eval().requires_grad_(False)
        self.towers: dict[str, Tower] = {m: choose_tower(model, m, x, expected[m]) for m, x in inputs.items()}
        self.identity |= {f"revision_{m}": tower.revision for m, tower in self.towers.items() if tower.revision}
        if self.towers["t"].reads_padding:
            self.pad_id = NO_PADDING
        with torch.no_grad():
            require_parity(name, "v", self.encode("v", inputs["v"]), expected["v"])
            for text, row in zip(texts, expected["t"]):  # each alone, and as short as it is
                require_parity(name, "t", self.encode("t", self.tokens([text])), row[None])

    def copy(self) -> DualEncoder:
        """An encoder with weights of its own, to which nothing done to this one matters; one tokenizer serves both."""
        return copy.deepcopy(self, {id(self.tokenize): self.tokenize})  # a tokenizer never changes, and is large

    def train(self, mode: bool = True) -> DualEncoder:
        """Stay in evaluation mode, whatever the mode of what this is part of."""
        return super().train(False)

    @property
    def image_size(self) -> tuple[int, int]:
        """Height and width of the pictures that it reads, in pixels."""
        return _pair(self.model.visual.image_size)

    def pixels(self, images: Sequence[bytes]) -> Tensor:
        """Pixels [n, 3, h, w] of encoded images."""
        return torch.stack([self.preprocess(upright_rgb(Image.open(io.BytesIO(raw)))) for raw in images])

    def tokens(self, texts: Sequence[str]) -> Tensor:
        """Token ids [n, length], cut to the longest of these texts."""
        ids = self.tokenize(list(texts))
        return ids[:, : int(self.lengths(ids).max())]

    def lengths(self, ids: Tensor) -> Tensor:
        """Tokens up to the last that is no padding, int64 [n]; CLIP's padding id is a real token inside a text."""
        places = torch.arange(1, ids.shape[1] + 1, device=ids.device)
        return ((ids != self.pad_id) * places).amax(1)

    def states(self, modality: str, inputs: Tensor, cut: int) -> States:
        """Activations that enter block `cut`; block `n_blocks` is the head."""
        tower = self.towers[modality]
        return tower.run(tower.stem(inputs), 0, cut)

    def finish(self, modality: str, states: States, cut: int) -> Tensor:
        """Features [batch, dim] from activations that enter block `cut`."""
        tower = self.towers[modality]
        return tower.head(tower.run(states, cut, tower.n_blocks))

    def encode(self, modality: str, inputs: Tensor) -> Tensor:
        """Features [batch, dim] from pixels or token ids."""
        return self.finish(modality, self.states(modality, inputs, 0), 0)


def _pair(size: int | Sequence[int]) -> tuple[int, int]:
    return (size, size) if isinstance(size, int) else (int(size[0]), int(size[1]))


def weights_hash(model: nn.Module) -> str:
    """Digest of all parameters and buffers, by name; taken before any PEFT."""
    sha = hashlib.sha256()
    for name, tensor in sorted(model.state_dict().items()):
        array = np.ascontiguousarray(tensor.detach().cpu().numpy())
        sha.update(f"{name}{array.dtype}{array.shape}".encode())
        sha.update(array.tobytes())
    return sha.hexdigest()[:24]
