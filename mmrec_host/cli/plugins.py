"""`--plugin FILE|FOLDER` and `--mmrec-home PATH`: models and variants from Python files, without a package."""

from __future__ import annotations

import argparse
import importlib.util
import sys
from pathlib import Path

from ..errors import ConfigError


def add_plugin_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare `--plugin` and `--mmrec-home`."""
    parser.add_argument(
        "--plugin",
        type=Path,
        action="append",
        default=[],
        metavar="PATH",
        help="Python file that registers a model or variant, MMRec model file, or folder of such files",
    )
    parser.add_argument(
        "--mmrec-home", type=Path, metavar="PATH", help="MMRec checkout, whose models become known as mmrec:NAME"
    )


def load_plugins(args: argparse.Namespace) -> None:
    """Make known what `--plugin` and `--mmrec-home` name."""
    for path in args.plugin:
        load_plugin(path)
    if args.mmrec_home is not None:
        from ..bridge.checkout import load_checkout

        load_checkout(args.mmrec_home)


def load_plugin(path: Path) -> None:
    """Make known what the file at `path`, or each Python file of the folder, brings.

    A file that imports from MMRec's `common` or `utils.utils` is a model file of MMRec, and not imported yet; any other
    is imported, and its decorators add to the registries.

    Raises:
        ConfigError: no such file, no class that the file is named after, or it fails on import.
    """
    from ..bridge.model import register
    from ..bridge.model_file import ModelFile

    if path.is_dir():
        files = [ModelFile.read(file) for file in sorted(path.glob("*.py")) if not file.stem.startswith("_")]
        if not files:
            raise ConfigError(f"--plugin {path}: the folder holds no Python file. A checkout is given by --mmrec-home.")
        for file in files:
            if not file.is_mmrec:
                _import(file.path)
            elif file.name:  # else it helps the other files
                register(file)
        return
    if not path.is_file():
        raise ConfigError(
            f"--plugin {path}: there is no such file; a Python file that registers something is expected."
        )
    if path.suffix != ".py":
        raise ConfigError(f"--plugin {path}: is no Python file (.py).")
    file = ModelFile.read(path)
    if not file.is_mmrec:
        _import(path)
    elif file.name:
        register(file)
    else:
        raise ConfigError(
            f"--plugin {path}: imports from MMRec, but has no class that is called as the file is ({path.stem}, in "
            "small or large letters), which is how MMRec finds a model."
        )


def _import(path: Path) -> None:
    name = f"ptmrec_file_plugin_{path.stem}"
    spec = importlib.util.spec_from_file_location(name, path)
    assert spec is not None and spec.loader is not None  # of a file that ends in .py
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    try:
        spec.loader.exec_module(module)
    except Exception as error:
        del sys.modules[name]
        if getattr(error, "exit_code", None) is not None:
            raise
        raise ConfigError(f"--plugin {path}: fails on import with {type(error).__name__}: {error}.") from error
