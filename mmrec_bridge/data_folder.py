"""What an unmodified model finds where it looks for its dataset: links, and room for the item graphs that it writes."""

from __future__ import annotations

import contextlib
import os
import shutil
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import psutil
from torch import Tensor

FEATURE_KEYS = ("vision_feature_file", "text_feature_file")
LITTER_AGE = 3600  # seconds; a process that is not found may be alive in another container


@contextmanager
def data_folder(config: Any, dataset: Path, features: Mapping[str, Tensor] | None = None) -> Iterator[str]:
    """The `data_path` of a model while it is constructed, with the separator at its end that MMRec expects.

    MMRec's models save graphs such as `mm_adj_10.pt` beside the data and read them in the next run, whatever features,
    split, settings or model they were made of. Here each construction has a folder of its own under
    `<cache_path>/<dataset>/mmrec`, gone afterwards, so that no graph is another's or half written. It links to the
    files of `dataset`, but for graphs of others (`*.pt`) and features (the loader has them).

    Args:
        features: file name -> features, for a base class that reads them from files.
    """
    place = Path(config["cache_path"]).resolve() / config["dataset"] / "mmrec"
    place.mkdir(parents=True, exist_ok=True)
    _clear_litter(place)
    left_out = {config[key] for key in FEATURE_KEYS}
    with tempfile.TemporaryDirectory(prefix=f"{os.getpid()}-", dir=place) as home:
        links = Path(home) / config["dataset"]
        links.mkdir()
        for source in sorted(dataset.iterdir()) if dataset.is_dir() else []:
            if source.suffix != ".pt" and source.name not in left_out:
                (links / source.name).symlink_to(source.resolve())
        for name, table in (features or {}).items():
            with (links / name).open("wb") as file:
                np.save(file, table.numpy(force=True))
        yield f"{home}/"


def _clear_litter(place: Path) -> None:
    """Remove the folders of processes that were killed."""
    for folder in place.iterdir():
        pid = folder.name.partition("-")[0]
        if pid.isdecimal() and not psutil.pid_exists(int(pid)):
            with contextlib.suppress(OSError):
                if time.time() - folder.stat().st_mtime > LITTER_AGE:
                    shutil.rmtree(folder)
