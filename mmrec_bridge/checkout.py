"""A user's own MMRec checkout: recognised, and its models made known."""

from __future__ import annotations

import logging
from pathlib import Path

from mmrec_host.errors import ConfigError

log = logging.getLogger(__name__)

_PARTS = (
    "src/main.py",
    "src/common/abstract_recommender.py",
    "src/utils/quick_start.py",
    "src/configs/overall.yaml",
    "src/configs/model",
    "src/models",
)


def mmrec_checkout(home: Path) -> Path:
    """Absolute path of the MMRec checkout at `home`; `ConfigError` naming what is missing if it is none."""
    missing = [part for part in _PARTS if not (home / part).exists()]
    if missing:
        raise ConfigError(
            f"--mmrec-home {home}: no MMRec checkout, {', '.join(missing)} not found. Give the folder that holds "
            "src/main.py; to get one: git clone https://github.com/enoche/MMRec"
        )
    return home.resolve()


def load_checkout(home: Path) -> None:
    """Make all models of the checkout at `home` known, without importing them; unreadable files are warned of."""
    from .model import register  # with torch, which recognising a checkout needs not
    from .model_file import ModelFile

    for path in sorted((mmrec_checkout(home) / "src" / "models").glob("*.py")):
        try:
            file = ModelFile.read(path)
            if file.is_mmrec and file.name:
                register(file)
        except ConfigError as error:
            log.warning("left out: %s", error)
