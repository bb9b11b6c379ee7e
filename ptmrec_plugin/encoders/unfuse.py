"""Attention with separate q, k, v and output projections, which every PEFT method can target.

`nn.MultiheadAttention` keeps q, k and v in one parameter and reads `out_proj.weight` without calling the module: an
adapter on `out_proj` is then never run, yet changes the model when it is merged. After `unfuse` there are four plain
linear layers.
"""

from __future__ import annotations

import re

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from mmrec_host.errors import ConfigError

PROJECTIONS = ("q_proj", "k_proj", "v_proj")


class UnfusedAttention(nn.Module):
    """Self-attention that computes what the given `nn.MultiheadAttention` computes, without its dropout.

    Raises:
        ConfigError: an attention with other key or value widths, added biases or sequence-first layout.
    """

    q_proj: nn.Linear
    k_proj: nn.Linear
    v_proj: nn.Linear

    def __init__(self, fused: nn.MultiheadAttention) -> None:
        super().__init__()
        plain = fused._qkv_same_embed_dim and fused.bias_k is None and not fused.add_zero_attn and fused.batch_first
        if not plain:
            raise ConfigError(
                "this attention layer cannot be unfused: it has other key widths, key biases or is sequence-first."
            )
        self.num_heads, self.head_dim, self.batch_first = fused.num_heads, fused.head_dim, True
        width = fused.embed_dim
        for i, name in enumerate(PROJECTIONS):
            rows = slice(i * width, (i + 1) * width)
            bias = None if fused.in_proj_bias is None else fused.in_proj_bias[rows]
            setattr(self, name, _linear(fused.in_proj_weight[rows], bias, fused.in_proj_weight.requires_grad))
        self.out_proj = _linear(fused.out_proj.weight, fused.out_proj.bias, fused.out_proj.weight.requires_grad)

    def forward(
        self, query: Tensor, key: Tensor, value: Tensor, need_weights: bool = False, attn_mask: Tensor | None = None
    ) -> tuple[Tensor, None]:
        """Attention output [batch, length, width], and no weights, in `nn.MultiheadAttention`'s form."""
        batch, length, width = query.shape
        if attn_mask is not None and attn_mask.ndim == 3:
            attn_mask = attn_mask.reshape(batch, self.num_heads, length, -1)
        q, k, v = (
            layer(x).reshape(batch, -1, self.num_heads, self.head_dim).transpose(1, 2)
            for layer, x in ((self.q_proj, query), (self.k_proj, key), (self.v_proj, value))
        )
        mixed = F.scaled_dot_product_attention(q, k, v, attn_mask=attn_mask)
        return self.out_proj(mixed.transpose(1, 2).reshape(batch, length, width)), None


def _linear(weight: Tensor, bias: Tensor | None, requires_grad: bool) -> nn.Linear:
    layer = nn.Linear(weight.shape[1], weight.shape[0], bias is not None, device=weight.device, dtype=weight.dtype)
    with torch.no_grad():
        layer.weight.copy_(weight)
        if bias is not None:
            layer.bias.copy_(bias)
    return layer.requires_grad_(requires_grad)


def unfuse(model: nn.Module) -> nn.Module:
    """Replace the attention of every residual block of an open_clip model, in place; outputs stay the same."""
    for name, module in list(model.named_modules()):
        if isinstance(module, nn.MultiheadAttention) and re.search(r"resblocks\.\d+\.attn$", name):
            parent, _, attribute = name.rpartition(".")
            setattr(model.get_submodule(parent), attribute, UnfusedAttention(module))
    return model


def refuse_state_dict(state: dict[str, Tensor]) -> dict[str, Tensor]:
    """State dict of an unfused model under open_clip's own keys."""
    fused: dict[str, Tensor] = {}
    for key, tensor in state.items():
        match = re.fullmatch(r"(.*\.attn)\.([qkv])_proj\.(weight|bias)", key)
        if match is None:
            fused[key] = tensor
        elif match[2] == "q":
            fused[f"{match[1]}.in_proj_{match[3]}"] = torch.cat(
                [state[f"{match[1]}.{p}.{match[3]}"] for p in PROJECTIONS]
            )
    return fused
