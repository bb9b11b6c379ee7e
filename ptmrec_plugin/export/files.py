"""What a run learned, as files that other programs read."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from torch import Tensor

from mmrec_host.errors import ConfigError
from mmrec_host.files import write_whole
from mmrec_host.runs.finished_run import FinishedRun
from run_tools.catalogue import FILES, Names
from run_tools.recommendation import catalogue_of, vectors

from ..items.tuned_encoder import adapter_folder
from .model_card import card_files

MMREC_NAMES = {"v": "image_feat.npy", "t": "text_feat.npy"}

Write = Callable[[BinaryIO], Any]


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


def array_file(table: Tensor) -> Write:
    """A float32 table as `.npy`."""
    array = np.ascontiguousarray(table.detach().cpu().numpy(), np.float32)
    return lambda file: np.save(file, array)


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
        "user_vectors.parquet": _parquet_file(names.users, users, {}),
        "item_vectors.parquet": _parquet_file(names.items, items, titles),
    }


def _parquet_file(names: Names, table: Tensor, more: Mapping[str, list[str]]) -> Write:
    try:
        import pyarrow as pa
        from pyarrow import parquet
    except ImportError as error:
        raise ConfigError(f"--format parquet needs pyarrow ({error}): pip install 'ptmrec[tables]'.") from error
    rows = np.ascontiguousarray(table.cpu().numpy(), np.float32)
    ids = {f"{names.kind}_id": list(names.originals)} if names.originals else {}
    columns: dict[str, Any] = {names.kind: np.arange(names.count), **ids, **more}
    columns["vector"] = pa.FixedSizeListArray.from_arrays(pa.array(rows.ravel()), rows.shape[1])
    return lambda file: parquet.write_table(pa.table(columns), file)


def adapter_files(run: FinishedRun) -> dict[str, Write]:
    """The adapter in its variant's own format, the settings to apply it with, and a model card.

    Raises:
        ConfigError: the run's best state reads frozen features.
    """
    folder = adapter_folder(run)
    if folder is None:
        best = run.record.info["best"]
        raise ConfigError(
            f"{run.record.path}: there is no tuned adapter. By validation its best state is epoch {best['epoch']} of "
            f"{best['phase']}, which reads frozen features."
        )
    card = card_files(run.config, run.record.info, run.dataset.counts(), folder)
    files = {path.name: bytes_file(path.read_bytes()) for path in sorted(folder.iterdir()) if path.name not in card}
    return files | {name: bytes_file(text.encode()) for name, text in card.items()}


def bytes_file(data: bytes) -> Write:
    """A file that holds `data`."""
    return lambda file: file.write(data)
