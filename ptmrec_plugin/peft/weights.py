"""Some of the encoder's own weights: biases (BitFit), top blocks, what follows them, all, or none."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from torch import nn

from mmrec_host.errors import ConfigError

from ..encoders.dual import DualEncoder
from .base import PEFT, STEM
from .blocks import BLOCK_KEYS, TOWERS, blocks_by_modality, whole_towers
from .own import OwnHandle

TRAINED = ("bias", "block", "head", "all", "none")


class WeightsHandle(OwnHandle):
    """Weights of the encoder itself that are trained; copies of what they were are kept."""

    def __init__(self, encoder: DualEncoder, cuts: dict[str, int], parameters: Mapping[str, nn.Parameter]) -> None:
        super().__init__(encoder, cuts, parameters)
        self.frozen = {name: p.detach().clone() for name, p in parameters.items()}
        for parameter in parameters.values():
            parameter.requires_grad_(True)

    @contextmanager
    def disabled(self) -> Iterator[None]:
        """Inside, the weights are as they were before training."""
        tuned = {name: p.data for name, p in self.parameters.items()}
        try:
            for name, parameter in self.parameters.items():
                parameter.data = self.frozen[name]
            yield
        finally:
            for name, parameter in self.parameters.items():
                parameter.data = tuned[name]

    def merge(self) -> nn.Module:
        """The encoder's model, whose weights these are."""
        return self.encoder.model


@PEFT.register("weights")
def apply_weights(encoder: DualEncoder, config: Any, modalities: list[str]) -> WeightsHandle:
    """Weights of the encoder, by the key `trained`: bias, block, head, all or none.

    bias: of the chosen blocks, without the keys', which the softmax cancels; block: all of the chosen blocks; head:
    what follows the last block (final normalisation, projection); all: from the embeddings on; none: nothing.

    Keys: `trained`, `vision_blocks`, `text_blocks`.

    Raises:
        ConfigError: no such choice, no block chosen, or a tower without such weights.
    """
    kind = config["trained"]
    if kind not in TRAINED:
        raise ConfigError(f"trained={kind!r}: must be one of {', '.join(TRAINED)}.")
    if kind == "none":
        return WeightsHandle(encoder, {}, {})
    if kind in ("bias", "block"):
        blocks = blocks_by_modality(encoder, config, modalities)
        cuts = {m: min(chosen) for m, chosen in blocks.items()}
        chosen = {m: _of_blocks(encoder, m, numbers, kind) for m, numbers in blocks.items()}
    else:
        whole = whole_towers(encoder, config, modalities)
        cuts = {m: STEM if kind == "all" else encoder.towers[m].n_blocks for m in whole}
        chosen = {m: _of_tower(encoder, m, kind) for m in whole}
    for modality, names in chosen.items():
        if not names:
            raise ConfigError(
                f"peft={config['peft']}: the {TOWERS[modality]} of {encoder.name} has no such weights "
                f"(trained={kind}). {BLOCK_KEYS[modality]}=0 leaves it frozen; peft=last_k trains its top blocks."
            )
    parameters = dict(encoder.model.named_parameters())
    return WeightsHandle(encoder, cuts, {name: parameters[name] for names in chosen.values() for name in names})


apply_weights.defaults = {"trained": "block"}


def _of_blocks(encoder: DualEncoder, modality: str, blocks: list[int], kind: str) -> list[str]:
    tower = encoder.towers[modality]
    names = [n for n, _ in encoder.model.named_parameters() if any(n.startswith(f"{tower.path}.{b}.") for b in blocks)]
    if kind == "block":
        return names
    keys = {f"{name}.bias" for b in blocks for name in tower.modules_of(b, ["k"])}
    return [name for name in names if name.endswith(".bias") and name not in keys]


def _of_tower(encoder: DualEncoder, modality: str, kind: str) -> list[str]:
    tower = encoder.towers[modality]
    names = [n for n, _ in encoder.model.named_parameters() if n.startswith("visual.") == (modality == "v")]
    if kind == "head":
        return [n for n in names if any(n == part or n.startswith(f"{part}.") for part in tower.head_weights)]
    return [n for n in names if not n.startswith("logit_")]
