"""Where MMRec's models keep the item graphs that they write beside the data: apart for other features and splits."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path
from typing import Any

FEATURE_KEYS = ("vision_feature_file", "text_feature_file")


def data_folder(config: Any, dataloader: Any, dataset: Path) -> Path:
    """The `data_path` of a model: `<cache_path>/<dataset>/mmrec/<digest>`, made if it is not there.

    MMRec's models save graphs such as `mm_adj_freedomdsp_10_1.pt` there and read them in the next run, whatever they
    were made of. The digest is that of the features, the modalities, the training rows and the kind of device (a file
    saved on a GPU does not load without one). The folder of the dataset in it links to the files of `dataset`, but for
    graphs of others (`*.pt`) and features (the loader has them; under `features=encoder` the files are others').
    """
    features = dataloader.features
    sha = hashlib.sha256(f"{features.fingerprint} {sorted(features.tables())} {config['device'].type} ".encode())
    for array in (dataloader.users, dataloader.items):
        sha.update(array.tobytes())
    home = Path(config["cache_path"]).resolve() / config["dataset"] / "mmrec" / sha.hexdigest()[:16]
    links = home / config["dataset"]
    links.mkdir(parents=True, exist_ok=True)
    left_out = {config[key] for key in FEATURE_KEYS}
    for source in sorted(dataset.iterdir()) if dataset.is_dir() else []:
        if source.suffix != ".pt" and source.name not in left_out:
            _link(source.resolve(), links / source.name)
    return home


def _link(source: Path, link: Path) -> None:
    if link.is_symlink() and os.readlink(link) == str(source):
        return
    temporary = link.with_name(f".{link.name}.{os.getpid()}")
    temporary.unlink(missing_ok=True)
    temporary.symlink_to(source)
    temporary.replace(link)  # whole at any time, for another process that starts now
