"""The encoder that the configuration names."""

from __future__ import annotations

from typing import Any

from mmrec_host.config import Config
from mmrec_host.errors import ConfigError
from mmrec_host.found_once import found_once

from .dual import ENCODERS, DualEncoder
from .no_model_code import no_model_code


def build_encoder(config: Any) -> DualEncoder:
    """A fresh encoder of the configuration's `encoder` option group, on the CPU; `ConfigError` if it brings code."""
    build = ENCODERS.get(config["encoder_builder"] or config["encoder"])
    with no_model_code():
        encoder = build(config)
    if not isinstance(encoder, DualEncoder):
        name = config["encoder_builder"] or config["encoder"]
        raise ConfigError(
            f"the encoder {name!r} was built as {type(encoder).__name__}; its function must return a DualEncoder. "
            "Correct the plugin that registers it."
        )
    return encoder


def encoder_identity(config: Any) -> dict[str, Any]:
    """What identifies the encoder's output; weights are loaded and hashed once."""
    options = {key: config[key] for key in sorted(config) if key == "encoder" or key.startswith("encoder_")}
    return found_once(f"identity of {options}", lambda: build_encoder(Config(options)).identity)
