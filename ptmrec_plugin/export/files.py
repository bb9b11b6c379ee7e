"""What a run learned, as files that other programs read."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from torch import Tensor

from mmrec_host.errors import ConfigError
from mmrec_host.files import write_whole
from mmrec_host.runs.finished_run import FinishedRun
from run_tools.catalogue import FILES, Names
from run_tools.recommendation import catalogue_of, vectors

from ..items.tuned_encoder import adapter_folder, not_tuned
from .formats import Write, array_file, bytes_file, parquet_file
from .model_card import card_files

MMREC_NAMES = {"v": "image_feat.npy", "t": "text_feat.npy"}


def write_files(folder: Path, files: Mapping[str, Write], force: bool) -> list[Path]:
    """Write files by name into a folder, each as a whole; returns their paths.

    Raises:
        ConfigError: one of them is there and `force` is not given; nothing is written then.
    """
    there = [name for name in files if (folder / name).exists()]
    if there and not force:
        raise ConfigError(f"{folder} has {', '.join(there)} already. Name another folder, or replace with --force.")
    folder.mkdir(parents=True, exist_ok=True)
    for name, write in files.items():
        write_whole(folder / name, write)
    return [folder / name for name in files]


def feature_files(tables: Mapping[str, Tensor]) -> dict[str, Write]:
    """MMRec's `image_feat.npy` and `text_feat.npy` of modality -> features [n_items, d]."""
    return {MMREC_NAMES[modality]: array_file(table) for modality, table in tables.items()}


def vector_files(run: FinishedRun, format: str) -> dict[str, Write]:
    """User and item vectors, whose products are the run's scores, as `npy` or `parquet`.

    Beside `.npy` stand the dataset's files of original ids, if it has them; Parquet has these and titles as columns.
    """
    users, items = vectors(run)
    if format == "npy":
        maps = [run.dataset.folder / name for name in FILES.values()]
        copies = {path.name: bytes_file(path.read_bytes()) for path in maps if path.is_file()}
        return {"user_vectors.npy": array_file(users), "item_vectors.npy": array_file(items), **copies}
    names = catalogue_of(run)
    titles = {"title": list(names.titles)} if any(names.titles) else {}
    return {
        "user_vectors.parquet": parquet_file(_vector_columns(names.users, users, {})),
        "item_vectors.parquet": parquet_file(_vector_columns(names.items, items, titles)),
    }


def _vector_columns(names: Names, table: Tensor, more: Mapping[str, list[str]]) -> dict[str, Any]:
    rows = np.ascontiguousarray(table.cpu().numpy(), np.float32)
    ids = {f"{names.kind}_id": list(names.originals)} if names.originals else {}
    return {names.kind: np.arange(names.count), **ids, **more, "vector": rows}


def adapter_files(run: FinishedRun) -> dict[str, Write]:
    """The adapter in its variant's own format, the settings to apply it with, and a model card.

    Raises:
        ConfigError: the run's best state reads frozen features.
    """
    folder = adapter_folder(run)
    if folder is None:
        raise not_tuned(run)
    card = card_files(run.config, run.record.info, run.dataset.counts(), folder)
    files = {path.name: bytes_file(path.read_bytes()) for path in sorted(folder.iterdir()) if path.name not in card}
    return files | {name: bytes_file(text.encode()) for name, text in card.items()}
