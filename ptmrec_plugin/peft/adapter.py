"""Bottleneck adapters (Houlsby et al., 2019): a small network after each branch of a block, before it is added."""

from __future__ import annotations

from typing import Any

from torch import Tensor, nn

from ..encoders.dual import DualEncoder
from .base import PEFT
from .blocks import lowest, targets
from .own import OwnHandle, attach


class Bottleneck(nn.Module):
    """x + up(gelu(down(x))), the identity at the start; on channels of a convolution as 1x1 convolutions.

    Args:
        after: the layer whose output [..., out_features] or [batch, out_channels, h, w] it takes.
        width: of the bottleneck.
    """

    def __init__(self, after: nn.Conv2d | nn.Linear, width: int) -> None:
        super().__init__()
        self.down: nn.Conv2d | nn.Linear
        self.up: nn.Conv2d | nn.Linear
        if isinstance(after, nn.Conv2d):
            self.down = nn.Conv2d(after.out_channels, width, 1)
            self.up = nn.Conv2d(width, after.out_channels, 1)
        else:
            self.down, self.up = nn.Linear(after.out_features, width), nn.Linear(width, after.out_features)
        for parameter in self.parameters():
            nn.init.zeros_(parameter)
        nn.init.normal_(self.down.weight, std=0.01)

    def forward(self, x: Tensor) -> Tensor:
        """Output of the same shape as x."""
        return x + self.up(nn.functional.gelu(self.down(x)))


@PEFT.register("adapter")
def apply_adapter(encoder: DualEncoder, config: Any, modalities: list[str]) -> OwnHandle:
    """Bottleneck adapters after the modules that `adapt` names.

    Keys: `adapter_width`, `adapt` (roles), `vision_blocks`, `text_blocks`.

    Raises:
        ConfigError: as `targets`.
    """
    names = [name for found in targets(encoder, config, modalities).values() for name in found]
    after = {name: encoder.model.get_submodule(name) for name in names}
    adapters = {name: Bottleneck(module, int(config["adapter_width"])) for name, module in after.items()}
    attached = attach(encoder, nn.ModuleDict({name.replace(".", "-"): a for name, a in adapters.items()}))
    handle = OwnHandle(encoder, lowest(encoder, config, modalities), dict(attached.named_parameters()))
    handle.why_not_merged = "Its networks stand between the encoder's layers, and are not linear."
    for name, module in after.items():
        module.register_forward_hook(
            lambda _, inputs, output, adapter=adapters[name]: adapter(output) if handle.active else output
        )
    return handle
