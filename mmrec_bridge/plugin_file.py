"""`--plugin FILE` for a file that is written for MMRec."""

from __future__ import annotations

from pathlib import Path

from mmrec_host.errors import ConfigError

from .model import register
from .model_file import ModelFile


def load_plugin_file(path: Path, alone: bool) -> bool:
    """Make the model of the file at `path` known, without importing it; False if it is not written for MMRec.

    Args:
        alone: whether the user named this file; one of a folder need have no model, since it may help the others.

    Raises:
        ConfigError: it is no Python, or has no class that it is named after though it is `alone`.
    """
    file = ModelFile.read(path)
    if file.is_mmrec and file.name:
        register(file)
    elif file.is_mmrec and alone:
        raise ConfigError(
            f"--plugin {path}: imports from MMRec, but has no class that is called as the file is ({path.stem}, in "
            "small or large letters), which is how MMRec finds a model."
        )
    return file.is_mmrec
