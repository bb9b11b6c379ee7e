"""Variants of Hugging Face peft, all through one path: exact module names, `get_peft_model`, peft's own file format."""

from __future__ import annotations

import json
import re
import warnings
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

from peft import PEFT_TYPE_TO_CONFIG_MAPPING, PeftModel, PeftType, get_peft_model, set_peft_model_state_dict
from peft.utils import load_peft_weights
from torch import nn

from mmrec_host.errors import ConfigError
from mmrec_host.registry import nearest

from ..encoders.dual import DualEncoder
from ..encoders.towers import ROLES
from .base import PEFT, Handle, blocks_by_modality

PREFIX = "peft_"  # `peft_r: 8` in a YAML is the option `r` of peft's configuration class
IDENTITY_FILE = "encoder.json"


class HFHandle(Handle):
    """A variant that peft has put into the encoder's model."""

    def __init__(self, encoder: DualEncoder, cuts: dict[str, int], wrapped: PeftModel) -> None:
        super().__init__(encoder, cuts)
        self.wrapped = wrapped

    def named_parameters(self) -> dict[str, nn.Parameter]:
        """The adapter's parameters, by peft's names."""
        return {name: p for name, p in self.wrapped.named_parameters() if p.requires_grad}

    def train(self, mode: bool) -> None:
        """peft's dropout layers follow; the encoder itself stays in evaluation mode."""
        for name, module in self.wrapped.named_modules():
            if ".lora_dropout." in name:
                module.train(mode)

    def save(self, folder: Path) -> None:
        """peft's adapter_config.json and adapter_model.safetensors, and what identifies the encoder."""
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # peft looks for a hub model behind the encoder, which there is none
            self.wrapped.save_pretrained(str(folder), save_embedding_layers=False)
        (folder / IDENTITY_FILE).write_text(json.dumps(self.encoder.identity, indent=1, sort_keys=True))

    def load(self, folder: Path) -> None:
        """Read an adapter that `save` wrote."""
        try:
            identity = json.loads((folder / IDENTITY_FILE).read_text())
        except (OSError, ValueError) as error:
            raise ConfigError(
                f"{folder}: holds no adapter of this project ({IDENTITY_FILE} cannot be read: {error})."
            ) from error
        if identity != self.encoder.identity:
            differing = [key for key in self.encoder.identity if identity.get(key) != self.encoder.identity[key]]
            raise ConfigError(
                f"{folder}: the adapter belongs to the encoder {identity.get('encoder')}, this one is "
                f"{self.encoder.name}; they differ in {', '.join(differing)}. Choose the encoder that it was trained "
                "on."
            )
        outcome = set_peft_model_state_dict(self.wrapped, load_peft_weights(str(folder), device="cpu"))
        missing = [key for key in outcome.missing_keys if key in self.named_parameters()]
        if missing or outcome.unexpected_keys:
            raise ConfigError(
                f"{folder}: the adapter is of another shape: {len(missing)} tensors are missing, "
                f"{len(outcome.unexpected_keys)} unknown, such as {(missing or outcome.unexpected_keys)[0]}. Give the "
                "same peft, vision_blocks, text_blocks and adapt as in training."
            )

    def disabled(self) -> AbstractContextManager[Any]:
        """peft's own switch."""
        return self.wrapped.disable_adapter()

    def merge(self) -> nn.Module:
        """Fold the adapter into the encoder's weights; afterwards the handle has no parameters."""
        merged = self.wrapped.merge_and_unload()
        return merged


@PEFT.register("lora")
def apply_hf(encoder: DualEncoder, config: Any, modalities: list[str]) -> HFHandle:
    """Put the peft method of the key `peft_method` into the chosen blocks of the chosen towers.

    Keys: `peft_method` (a PeftType), `vision_blocks`, `text_blocks`, `adapt` (roles: q, k, v, out, mlp, conv), and
    every `peft_<option>` as an option of peft's configuration.

    Raises:
        ConfigError: an unknown method, option or role; no block chosen; no module matched, with what there is to match.
    """
    method = str(config["peft_method"]).upper()
    if method not in PeftType.__members__:
        raise ConfigError(
            f"peft_method={config['peft_method']!r}: peft has no such method{nearest(method, PeftType.__members__)}"
        )
    roles = config["adapt"] if isinstance(config["adapt"], list) else [config["adapt"]]
    if set(roles) - set(ROLES):
        raise ConfigError(f"adapt={config['adapt']!r}: must be a list of {', '.join(ROLES)}.")
    blocks = blocks_by_modality(encoder, config, modalities)
    if not blocks:
        raise ConfigError(
            "no block is chosen: vision_blocks and text_blocks leave nothing to tune (0 blocks in every tower)."
        )
    targets = {m: [n for b in chosen for n in encoder.towers[m].modules_of(b, roles)] for m, chosen in blocks.items()}
    for modality, names in targets.items():
        if not names:
            tower = encoder.towers[modality]
            has = [role for role in ROLES if tower.modules_of(tower.n_blocks - 1, [role])]
            raise ConfigError(
                f"adapt={roles}: no module of the {modality} tower has one of these roles; it has {', '.join(has)}."
            )
    names = [name for found in targets.values() for name in found]
    wrapped = get_peft_model(encoder.model, _peft_config(method, config, names), low_cpu_mem_usage=False)
    wrapped.eval()
    adapted = {n.removeprefix("base_model.model.") for n, m in wrapped.named_modules() if hasattr(m, "base_layer")}
    if adapted != set(names):
        raise ConfigError(
            f"{method} adapted {len(adapted)} modules instead of the {len(names)} that were asked for, e.g. not "
            f"{sorted(set(names) - adapted)[:1]}."
        )
    return HFHandle(encoder, {m: min(chosen) for m, chosen in blocks.items()}, wrapped)


def _peft_config(method: str, config: Any, names: list[str]) -> Any:
    options = {k.removeprefix(PREFIX): v for k, v in config.items() if k.startswith(PREFIX) and k != "peft_method"}
    pattern = "|".join(re.escape(name) for name in names)
    cls = PEFT_TYPE_TO_CONFIG_MAPPING[PeftType[method]]
    try:
        return cls(target_modules=f"(?:{pattern})", **options)
    except (TypeError, ValueError) as error:
        raise ConfigError(f"peft's {cls.__name__} does not take these options ({options}): {error}.") from error
