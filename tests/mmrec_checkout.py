"""MMRec's own models, from the checkout that the environment variable MMREC_HOME names, as references in tests."""

from __future__ import annotations

import importlib
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from mmrec_bridge.shims import mmrec_shims
from mmrec_host.config import Config
from mmrec_host.data.loader import TrainLoader

HOME = os.environ.get("MMREC_HOME")
needs_mmrec = pytest.mark.skipif(not HOME, reason="MMREC_HOME does not name a checkout of enoche/MMRec")
ROOTS = ("common", "models", "utils")


def drop_modules() -> None:
    """Forget MMRec's top-level packages, whose names anybody may use."""
    for name in [name for name in sys.modules if name.partition(".")[0] in ROOTS]:
        del sys.modules[name]


@contextmanager
def mmrec_model(name: str, config: Config, loader: TrainLoader, folder: Path) -> Iterator[Any]:
    """MMRec's model `name` on the loader's interactions and features; its files lie in `folder`/toy."""
    data = folder / config["dataset"]
    data.mkdir(exist_ok=True)
    for table, file in ((loader.features.v, "vision_feature_file"), (loader.features.t, "text_feature_file")):
        if table is not None:
            np.save(data / config[file], table.numpy())
    drop_modules()
    sys.path.insert(0, str(Path(HOME) / "src"))
    try:
        with mmrec_shims():
            module = importlib.import_module(f"models.{name.lower()}")
            sizes = {"feat_embed_dim": config["feat_embed_dim"] or config["embedding_size"]}
            yield getattr(module, name)(config.replaced(data_path=f"{folder}/", **sizes), loader)
    finally:
        sys.path.remove(str(Path(HOME) / "src"))
        drop_modules()
