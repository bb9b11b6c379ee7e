"""A user's own MMRec checkout, or a fork's: recognised, and its models made known."""

from __future__ import annotations

import importlib
import logging
import re
from dataclasses import dataclass
from pathlib import Path

from mmrec_host.errors import ConfigError

log = logging.getLogger(__name__)

# Of each, one must be there. Some forks call utils/ utils_package/.
_PARTS = (
    ("main.py",),
    ("common/abstract_recommender.py",),
    ("utils/quick_start.py", "utils_package/quick_start.py"),
    ("configs/overall.yaml",),
    ("configs/model",),
    ("models",),
)


@dataclass(frozen=True)
class Checkout:
    """A checkout of MMRec or of a fork.

    Attributes:
        home: its folder, absolute.
        source: the folder of its main.py: `home/src`, or `home` itself in some forks.
    """

    home: Path
    source: Path

    @property
    def models(self) -> list[Path]:
        """Python files of its models and what helps them."""
        return sorted((self.source / "models").glob("*.py"))

    @property
    def run_folder(self) -> Path:
        """Where its main.py is to be run: beside it, or, where its configurator looks for src/configs, above."""
        return self.home if "src/configs" in self._configurator else self.source

    @property
    def yaml_in_capitals(self) -> bool:
        """Whether its configurator looks for a model's YAML under the name in capitals."""
        return re.search(r"config_dict\[.model.\]\.upper\(\)", self._configurator) is not None

    @property
    def _configurator(self) -> str:
        paths = self.source.glob("utils*/configurator.py")
        return "".join(path.read_text(encoding="utf-8", errors="replace") for path in paths)


def mmrec_checkout(home: Path) -> Checkout:
    """The checkout at `home`; `ConfigError` naming what is missing if there is none."""
    source = home if (home / "main.py").is_file() and not (home / "src").is_dir() else home / "src"
    missing = [parts[0] for parts in _PARTS if not any((source / part).exists() for part in parts)]
    if missing:
        named = ", ".join(str((source / part).relative_to(home)) for part in missing)
        raise ConfigError(
            f"--mmrec-home {home}: no MMRec checkout, {named} not found. Give the folder that holds "
            "src/main.py; to get one: git clone https://github.com/enoche/MMRec"
        )
    return Checkout(home.resolve(), source.resolve())


def running_checkout() -> Checkout:
    """The checkout that is being run, whose `common` has been imported."""
    source = Path(str(importlib.import_module("common.abstract_recommender").__file__)).resolve().parents[1]
    return mmrec_checkout(source.parent if source.name == "src" else source)


def load_checkout(home: Path) -> None:
    """Make all models of the checkout at `home` known, without importing them; unreadable files are warned of."""
    from .model import register  # with torch, which recognising a checkout needs not
    from .model_file import ModelFile

    for path in mmrec_checkout(home).models:
        try:
            file = ModelFile.read(path)
            if file.is_mmrec and file.name:
                register(file)
        except ConfigError as error:
            log.warning("left out: %s", error)
