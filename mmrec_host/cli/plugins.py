"""`--plugin FILE|FOLDER` and `--mmrec-home PATH`: models and variants from Python files, without a package."""

from __future__ import annotations

import argparse
import importlib.util
import sys
from pathlib import Path

from ..errors import ConfigError
from ..registry import Registry

BRIDGE = Registry("bridge to MMRec", group="mmrec.bridge")
"""What knows MMRec's code, which the host does not. Two functions:

`checkout(home)` makes the models of the MMRec checkout at `home` known. `file(path, alone)` makes the model of a file
that is written for MMRec known and returns True; of any other file it returns False. A file that is written for MMRec
and has no model is an error if it is `alone`; among others it may be there to help them.
"""

NO_BRIDGE = "nothing that is installed runs MMRec's models, as mmrec_bridge does. Install PTMRec again, whole."


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
        if "checkout" not in BRIDGE:
            raise ConfigError(f"--mmrec-home {args.mmrec_home}: {NO_BRIDGE}")
        BRIDGE.get("checkout")(args.mmrec_home)


def load_plugin(path: Path) -> None:
    """Make known what the file at `path`, or each Python file of the folder, brings.

    A file that is written for MMRec goes to the bridge, and is not imported yet; any other is imported, and its
    decorators add to the registries.

    Raises:
        ConfigError: no such file, it fails on import, or what the bridge refuses.
    """
    if path.is_dir():
        files = [file for file in sorted(path.glob("*.py")) if not file.stem.startswith("_")]
        if not files:
            raise ConfigError(f"--plugin {path}: the folder holds no Python file. A checkout is given by --mmrec-home.")
    elif not path.is_file():
        raise ConfigError(
            f"--plugin {path}: there is no such file; a Python file that registers something is expected."
        )
    elif path.suffix != ".py":
        raise ConfigError(f"--plugin {path}: is no Python file (.py).")
    else:
        files = [path]
    for file in files:
        if not ("file" in BRIDGE and BRIDGE.get("file")(file, alone=file == path)):
            _import(file)


def _import(path: Path) -> None:
    name = f"ptmrec_file_plugin_{path.stem}"
    spec = importlib.util.spec_from_file_location(name, path)
    assert spec is not None and spec.loader is not None  # of a file that ends in .py
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    try:
        spec.loader.exec_module(module)
    except KeyboardInterrupt:
        raise
    except BaseException as error:  # a file that exits is no reason to end without a word
        sys.modules.pop(name, None)
        if getattr(error, "exit_code", None) is not None:
            raise
        hint = "" if "file" in BRIDGE else f" If it is written for MMRec: {NO_BRIDGE}"
        raise ConfigError(f"--plugin {path}: fails on import with {type(error).__name__}: {error}.{hint}") from error
