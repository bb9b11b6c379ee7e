"""A PEFT variant outside the project: a trained scale for each output of the chosen modules."""

import torch
from torch import nn

from ptmrec_plugin.peft.base import PEFT
from ptmrec_plugin.peft.blocks import lowest, targets
from ptmrec_plugin.peft.own import OwnHandle, attach


@PEFT.register("scale")
def apply_scale(encoder, config, modalities):
    """A trained scale for each output of the chosen modules."""
    names = [name for found in targets(encoder, config, modalities).values() for name in found]
    modules = [encoder.model.get_submodule(name) for name in names]
    starts = [torch.full((module.out_features,), config["scale_start"]) for module in modules]
    scales = attach(encoder, nn.ParameterList(starts))
    handle = OwnHandle(encoder, lowest(encoder, config, modalities), dict(scales.named_parameters()))
    for module, scale in zip(modules, scales):
        module.register_forward_hook(lambda _, x, y, scale=scale: y * scale if handle.active else y)
    return handle


apply_scale.defaults = {"adapt": ["out", "mlp_out"], "scale_start": 1.0}
