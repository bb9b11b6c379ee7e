"""Prefix tuning (Li and Liang, 2021): trained keys and values in the attention of each chosen block."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from mmrec_host.errors import ConfigError

from ..encoders.dual import DualEncoder
from .base import PEFT
from .blocks import BLOCK_KEYS, TOWERS, blocks_by_modality, require_sequence
from .own import OwnHandle, attach

DEVIATION = 0.02  # of the prefixes at the start
MASKS = ("attn_mask", "attention_mask")  # open_clip's and Hugging Face's names


class PrefixHandle(OwnHandle):
    """A handle of prefixes, which draw attention from the first step on."""

    identity_at_start = False
    why_not_merged = "Prefixes are keys and values of their own, which no weight of the encoder stands for."


class Prefix(nn.Module):
    """Keys and values [length, width] of one attention module, for which rows are added at the end of its inputs.

    Whatever the attention computes, its key and value layers give these rows the trained values, no mask hides them,
    and what they would attend to is cut off again.
    """

    def __init__(self, width: int, length: int) -> None:
        super().__init__()
        self.key = nn.Parameter(torch.randn(length, width) * DEVIATION)
        self.value = nn.Parameter(torch.randn(length, width) * DEVIATION)

    def put_into(self, attention: nn.Module, key: nn.Module, value: nn.Module, handle: OwnHandle) -> None:
        """Hook an attention module and its key and value layers."""
        n = len(self.key)

        def longer(_: nn.Module, args: tuple, kwargs: dict[str, Any]) -> tuple[tuple, dict[str, Any]] | None:
            if not handle.active:
                return None
            args = tuple(torch.nn.functional.pad(x, (0, 0, 0, n)) if isinstance(x, Tensor) else x for x in args)
            masks = {k: _visible(mask, n) for k, mask in kwargs.items() if k in MASKS and mask is not None}
            return args, {**kwargs, **masks}

        def shorter(_: nn.Module, args: tuple, output: tuple) -> tuple | None:
            return (output[0][:, :-n], *output[1:]) if handle.active else None

        def trained(rows: Tensor) -> Any:
            def replace(_: nn.Module, args: tuple, output: Tensor) -> Tensor | None:
                return torch.cat([output[:, :-n], rows.expand(len(output), -1, -1)], 1) if handle.active else None

            return replace

        attention.register_forward_pre_hook(longer, with_kwargs=True)
        attention.register_forward_hook(shorter)
        key.register_forward_hook(trained(self.key))
        value.register_forward_hook(trained(self.value))


def _visible(mask: Tensor, n: int) -> Tensor:
    """An additive mask [..., rows, length] with n more columns that nothing hides, and rows where it has many."""
    return torch.nn.functional.pad(mask, (0, n, 0, n if mask.shape[-2] > 1 else 0))


def _require_apart(encoder: DualEncoder, blocks: dict[str, list[int]]) -> None:
    """`ConfigError` for an attention whose keys and values come of one layer."""
    for modality, chosen in blocks.items():
        if not encoder.towers[modality].modules_of(chosen[0], ["k"]):
            raise ConfigError(
                f"peft=prefix needs attention with layers of its own for keys and values; the {TOWERS[modality]} of "
                f"{encoder.name} has custom blocks with one layer for both. {BLOCK_KEYS[modality]}=0 leaves this tower "
                "frozen; peft=adapter, prompt, side and last_k work in it."
            )


@PEFT.register("prefix")
def apply_prefix(encoder: DualEncoder, config: Any, modalities: list[str]) -> PrefixHandle:
    """Trained keys and values in the attention of the chosen blocks.

    Keys: `prefix_length` (tokens), `vision_blocks`, `text_blocks`.

    Raises:
        ConfigError: no block chosen, or a tower without attention.
    """
    blocks = blocks_by_modality(encoder, config, modalities)
    require_sequence(encoder, blocks, config)
    _require_apart(encoder, blocks)
    names = [
        [encoder.towers[m].modules_of(block, [role])[0] for role in ("attention", "k", "v")]
        for m, chosen in blocks.items()
        for block in chosen
    ]
    modules = [[encoder.model.get_submodule(name) for name in three] for three in names]
    length = int(config["prefix_length"])
    prefixes = [Prefix(key.out_features, length) for _, key, _ in modules]
    attached = attach(encoder, nn.ModuleDict({n[0].replace(".", "-"): p for n, p in zip(names, prefixes)}))
    cuts = {m: min(chosen) for m, chosen in blocks.items()}
    handle = PrefixHandle(encoder, cuts, dict(attached.named_parameters()))
    for prefix, (attention, key, value) in zip(prefixes, modules):
        prefix.put_into(attention, key, value, handle)
    return handle
