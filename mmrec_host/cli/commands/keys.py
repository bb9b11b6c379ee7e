"""`ptmrec list keys`: what the keys of the YAML files mean, as text."""

from __future__ import annotations

import shutil
import textwrap
from collections.abc import Sequence

from ...config import parse_overrides
from ...key_docs import KeyFile, keys_of

WIDEST = 120  # characters of a line


def keys_as_text(model: str | None, overrides: Sequence[str]) -> str:
    """The keys of `overall.yaml`, and of a model with its option groups, as `overrides` choose them.

    Raises:
        ConfigError: no such model, or a word that is no key=value.
    """
    choices = parse_overrides(overrides, [])[None]
    return "\n\n".join(_file_as_text(file) for file in keys_of(model, choices))


def _file_as_text(file: KeyFile) -> str:
    width = min(WIDEST, shutil.get_terminal_size().columns)
    lines = [f"{file.name}: {file.about}" if file.about else file.name]
    heading = ""
    for key in file.keys:
        if key.heading != heading:
            heading = key.heading
            lines += ["", f"  {heading}"] if heading else [""]
        lines.append(f"  {key.name}: {key.shown}   ({key.allowed})")
        lines += textwrap.wrap(key.about, width - 6, initial_indent="      ", subsequent_indent="      ")
    return "\n".join(lines)
