"""`--plugin FILE`: a single Python file that registers models, variants or sources."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path

from .errors import ConfigError


def load_plugin(path: Path) -> None:
    """Import `path`, whose decorators add to the registries.

    Raises:
        ConfigError: no such file, or it fails on import.
    """
    if not path.is_file():
        raise ConfigError(
            f"--plugin {path}: there is no such file; a Python file that registers something is expected."
        )
    name = f"ptmrec_file_plugin_{path.stem}"
    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None or spec.loader is None:
        raise ConfigError(f"--plugin {path}: is no Python file (.py).")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    try:
        spec.loader.exec_module(module)
    except Exception as error:
        del sys.modules[name]
        if getattr(error, "exit_code", None) is not None:
            raise
        raise ConfigError(f"--plugin {path}: fails on import with {type(error).__name__}: {error}.") from error
