"""The settings that a run was made under, read back to compare by value: `0` and `0.0` had two digests once."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ..config import Config
from ..config_layers import absent_values, read_layer
from ..errors import UserError

FILE = "config.yaml"


def plain_label(label: str) -> str:
    """A label with its whole numbers written in one way."""
    return re.sub(r"\b(\d+)\.0\b", r"\1", label)


def made_under(folder: Path, info: Mapping[str, Any], config: Config) -> bool:
    """Whether the run in `folder`, whose run.json holds `info`, was made under the settings of `config`."""
    if info.get("settings_sha") == config.settings_sha():
        return True
    if plain_label(info["label"]) != plain_label(config.label()):
        return False
    return recorded_settings(folder) == config.settings()


def recorded_settings(folder: Path) -> dict[str, Any] | None:
    """The settings (`Config.settings`) of the run in `folder`; None if they cannot be read."""
    try:
        values = read_layer(folder / FILE).values
        return Config(values, absent=absent_values(str(values.get("model")))).settings()
    except UserError:
        return None
