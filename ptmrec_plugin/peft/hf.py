"""Variants of Hugging Face peft, all through one path: exact module names, `get_peft_model`, peft's own file format."""

from __future__ import annotations

import math
import re
from dataclasses import fields
from typing import Any

from peft import PEFT_TYPE_TO_CONFIG_MAPPING, PeftType, get_peft_model
from torch import nn

from mmrec_host.errors import ConfigError
from mmrec_host.registry import nearest
from mmrec_host.yaml_values import flow

from ..encoders.dual import DualEncoder
from .adalora import AdaLoraHandle
from .base import PEFT
from .blocks import lowest, targets
from .hf_handle import PREFIX, HFHandle

HANDLES = {"ADALORA": AdaLoraHandle}
OTHER_INPUTS = {"POLY", "TRAINABLE_TOKENS", "ADAPTION_PROMPT", "SHADOW"}  # task ids, embeddings, a language model
DIVISORS = {"VBLORA": "vector_length", "C3A": "block_size"}  # options that must divide every adapted layer's widths


@PEFT.register("hf")
def apply_hf(encoder: DualEncoder, config: Any, modalities: list[str]) -> HFHandle:
    """Any method of Hugging Face peft that peft_method names, at peft's defaults; options need a YAML file.

    Keys: `peft_method` (a PeftType), `vision_blocks`, `text_blocks`, `adapt` (roles, as in `towers.ROLES`), and every
    `peft_<option>` as an option of peft's configuration.

    Raises:
        ConfigError: an unknown method, option or role; no block chosen; no module matched, with what there is to match;
            modules that the method cannot adapt.
    """
    method = _method(config)
    names = [name for found in targets(encoder, config, modalities).values() for name in found]
    modules = {name: encoder.model.get_submodule(name) for name in names}
    kinds = sorted({type(module).__name__ for module in modules.values()})
    frozen = {name: module.weight.detach().clone() for name, module in modules.items()}
    handle = HANDLES.get(method, HFHandle)
    peft_config = _peft_config(method, _options(method, config), names, _feed_forward(encoder, names))
    try:
        wrapped = get_peft_model(encoder.model, peft_config, low_cpu_mem_usage=False)
    except (ValueError, TypeError, NotImplementedError, AttributeError) as error:
        raise ConfigError(
            f"peft={config['peft']} ({method}) cannot adapt adapt={config['adapt']} in {encoder.name} "
            f"({', '.join(kinds)}): {error} {_advice(method, peft_config, modules)}"
        ) from error
    wrapped.eval()
    adapted = {n.removeprefix("base_model.model.") for n, m in wrapped.named_modules() if hasattr(m, "base_layer")}
    if adapted != set(names):
        raise ConfigError(
            f"{method} adapted {len(adapted)} modules instead of the {len(names)} that were asked for, e.g. not "
            f"{sorted(set(names) - adapted)[:1]}."
        )
    return handle(encoder, lowest(encoder, config, modalities), wrapped, frozen, config)


def check_hf(config: Any) -> None:
    """Refuse an unknown method, or options that it does not take, before there is an encoder; `ConfigError`."""
    method = _method(config)
    _peft_config(method, _options(method, config), ["any"], [])


apply_hf.defaults = {"peft_method": None, "adapt": ["q", "v"]}
apply_hf.check = check_hf


def _method(config: Any) -> str:
    said = config["peft_method"]
    method = str(said).upper()
    if method not in PeftType.__members__:
        raise ConfigError(
            f"peft_method={flow(said)}: must be a method of peft that adapts single layers, such as LORA"
            f"{nearest(method, PeftType.__members__)}"
        )
    return method


def _options(method: str, config: Any) -> dict[str, Any]:
    """Those of peft's configuration."""
    own = {k.removeprefix(PREFIX): v for k, v in config.items() if k.startswith(PREFIX) and k != "peft_method"}
    return HANDLES.get(method, HFHandle).fixed_options | own


def _advice(method: str, peft_config: Any, modules: dict[str, nn.Module]) -> str:
    """What to do where peft cannot adapt the modules."""
    widths = [width for m in modules.values() if isinstance(m, nn.Linear) for width in (m.in_features, m.out_features)]
    option, together = DIVISORS.get(method), math.gcd(*widths)
    value = getattr(peft_config, option, None) if option else None
    if isinstance(value, int) and widths and together % value:
        fits = max(d for d in range(1, min(value, together) + 1) if together % d == 0)
        return (
            f"{PREFIX}{option} must divide {together}: {PREFIX}{option}={fits} does. Options of a method stand in a "
            f"YAML file: ./mmrec_configs/peft/{method.lower()}.yaml with `variant: hf`, `peft_method: {method}`, "
            f"`{PREFIX}{option}: {fits}`, `adapt: [q, v]`; then peft={method.lower()}."
        )
    return (
        "Choose other roles, or leave a tower frozen with vision_blocks=0 or text_blocks=0; lora, adalora, ia3, loha, "
        "lokr, oft, boft and hra adapt convolutions too."
    )


def _feed_forward(encoder: DualEncoder, names: list[str]) -> list[str]:
    """The modules whose inputs, not outputs, IA3 scales."""
    towers = encoder.towers.values()
    second_layers = {n for t in towers for b in range(t.n_blocks) for n in t.modules_of(b, ["mlp_out"])}
    return [name for name in names if name in second_layers]


def _peft_config(method: str, options: dict[str, Any], names: list[str], feed_forward: list[str]) -> Any:
    cls: Any = PEFT_TYPE_TO_CONFIG_MAPPING[PeftType[method]]
    known = {field.name for field in fields(cls)}
    if "target_modules" not in known or method in OTHER_INPUTS:
        raise ConfigError(
            f"peft_method={method}: does not adapt single layers of an encoder. This project's own peft=prompt, vpt, "
            "coop, prefix and adapter do what peft's prompt methods do for language models."
        )
    if "feedforward_modules" in known:
        options = {"feedforward_modules": feed_forward, **options}
    pattern = "|".join(re.escape(name) for name in names)
    try:
        return cls(target_modules=f"(?:{pattern})", **options)
    except (TypeError, ValueError) as error:
        raise ConfigError(f"peft's {cls.__name__} does not take these options ({options}): {error}.") from error
