"""Features that somebody else made, brought into the order of a dataset's items by their raw ids."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from mmrec_host.data.array_files import read_array
from mmrec_host.errors import DataError

from .faults import Faults
from .options import FeatureFiles
from .tables.literals import nested
from .tables.rows import open_table
from .tables.text_lines import read_lines
from .tables.values import as_id, whole_ids

MODALITIES = {"v": "image", "t": "text"}
FILES = {"v": "image_feat.npy", "t": "text_feat.npy"}
ARRAYS = (".npy", ".npz", ".pt", ".pth")
ID_NAMES = ("id", "ids", "item_id", "itemID", "item", "asin")


def features_in_order(
    files: FeatureFiles, item_ids: Sequence[str], faults: Faults
) -> tuple[dict[str, bytes], list[str]]:
    """The `.npy` files of a dataset, row i for item i, and what was done.

    Items without a row get the mean of those that have one, as in MMRec's preprocessing, and are counted.

    Raises:
        DataError: a file cannot be read, its rows are not as many as the ids, or no id is an item's.
    """
    made, said = {}, []
    for path in filter(None, (*files.files.values(), files.ids)):
        if not path.exists():
            raise DataError(f"{path}: there is no such file of features or their ids.")
    for modality, path in files.files.items():
        rows = _rows(path, files.ids, item_ids)
        missing = sum(item not in rows for item in item_ids)
        if missing == len(item_ids):
            raise DataError(
                f"{path}: has features of none of the items. Its ids are such as {', '.join(list(rows)[:3])}; theirs "
                f"are such as {', '.join(item_ids[:3])}. --feature-ids FILE names the raw ids of its rows."
            )
        width = next(rows[item] for item in item_ids if item in rows).shape
        if any(rows[item].shape != width for item in item_ids if item in rows):
            raise DataError(f"{path}: the items' features are not all of one shape.")
        table = np.stack([rows.get(item, np.full(width, np.nan)) for item in item_ids]).astype(np.float32)
        if table.ndim != 2:
            raise DataError(f"{path}: an item's features must be a list of numbers; they are {list(table.shape[1:])}.")
        bad = ~np.isfinite(table).all(axis=1)
        if bad.all():
            raise DataError(f"{path}: all features of the items have NaN or infinite entries.")
        table[bad] = table[~bad].mean(axis=0)
        name = MODALITIES[modality]
        for item in (item_ids[n] for n in np.flatnonzero(bad).tolist()):
            kind = "features with NaN or infinite entries" if item in rows else "features that are not there"
            faults.add(f"{name} {kind} (the mean stands in)", item)
        file = io.BytesIO()
        np.save(file, table)
        made[FILES[modality]] = file.getvalue()
        found = f"{len(item_ids) - missing:,} of {len(item_ids):,} items"
        said.append(f"{FILES[modality]}: {found} have a row of {path.name}, which has {len(rows):,}.")
    return made, said


def _rows(path: Path, ids: Path | None, item_ids: Sequence[str]) -> Mapping[str, np.ndarray]:
    """Raw id -> features: of a folder of arrays called by ids, a table with ids, or an array with a list of them."""
    if path.is_dir():
        files = sorted(file for file in path.rglob("*") if file.suffix in ARRAYS)
        return {file.stem: np.squeeze(read_array(file)) for file in files}
    if path.suffix in ARRAYS:
        array = read_array(path)
        if ids is None:
            raise DataError(
                f"{path}: does not say which row is which item's. --feature-ids FILE names the raw ids of its "
                f"{len(array):,} rows, one a line; the dataset has {len(item_ids):,} items, the first are "
                f"{', '.join(item_ids[:3])}."
            )
        names = _ids(ids)
        if len(names) != len(array):
            raise DataError(f"{ids}: names {len(names):,} ids, and {path} has {len(array):,} rows.")
        return dict(zip(names, array))
    return _of_table(path)


def _ids(path: Path) -> list[str]:
    """The ids in a file: an array, one a line, or the id column of a table (an id map), in the order of its rows."""
    if path.suffix == ".npy":
        return whole_ids([as_id(value) for value in read_array(path).tolist()])
    lines = [line.strip() for _, line in read_lines(path, Faults()) if line.strip()]
    if lines and not any(sign in lines[0] for sign in "\t,;{["):
        return lines
    table = open_table(path, Faults())
    column = next((name for name in table.columns if name in ID_NAMES), table.columns[0])
    return [as_id(row[column]) for _, row in table.rows]


def _of_table(path: Path) -> dict[str, np.ndarray]:
    """Of a table with an id and a list of numbers, or a number a column."""
    table = open_table(path, Faults())
    column = next((name for name in table.columns if name in ID_NAMES), table.columns[0])
    found: dict[str, np.ndarray] = {}
    for where, row in table.rows:
        values: list[Any] = [nested(value) for name, value in row.items() if name != column]
        numbers = values[0] if len(values) == 1 else values
        try:
            found[as_id(row[column])] = np.asarray(numbers, dtype=np.float32)
        except (TypeError, ValueError) as error:
            raise DataError(f"{where}: holds no features, a list of numbers beside an id ({error}).") from error
    return found
