"""Arrays in files that others made: read without running anything in them."""

from __future__ import annotations

import pickle
import zipfile
from pathlib import Path

import numpy as np
import torch

from ..errors import DataError

TORCH = (".pt", ".pth")
UNREADABLE = (OSError, ValueError, EOFError, TypeError, KeyError, OverflowError, MemoryError, zipfile.BadZipFile)
"""What numpy raises of a file that is no array."""
NO_TENSOR = (*UNREADABLE, RuntimeError, AttributeError, IndexError, ImportError, pickle.UnpicklingError)
"""What torch raises of a file that is no tensor, or that must not be unpickled."""


def read_array(path: Path) -> np.ndarray:
    """The numbers in a `.npy` file, a `.npz` file with one array, or a tensor that torch saved.

    Raises:
        DataError: there is no such file, it is none of these, or it would have to be unpickled.
    """
    if not path.is_file():
        raise DataError(f"{path}: {'is no ordinary file' if path.exists() else 'there is no such file'}.")
    array = _tensor(path) if path.suffix in TORCH or _is_torch_s(path) else _numpy_s(path)
    if array.dtype.kind not in "biuf":
        raise DataError(
            f"{path}: holds values of the type {array.dtype}. Features are numbers, [n_items, d]: write them as "
            "float32, with np.save."
        )
    return array


def _numpy_s(path: Path) -> np.ndarray:
    try:
        found = np.load(path, allow_pickle=False)
        if isinstance(found, np.ndarray):
            return found
        with found:
            names = list(found.files)
            if len(names) == 1:
                return np.asarray(found[names[0]])
    except UNREADABLE as error:
        raise DataError(
            f"{path}: is no array that can be read safely ({_start(path)}). It must be a .npy file (np.save), or a "
            "tensor (torch.save); text and raw memory maps do not say their shape."
        ) from error
    raise DataError(
        f"{path}: holds several arrays ({', '.join(names[:5]) or 'none'}). Save the one that is meant with np.save."
    )


def _is_torch_s(path: Path) -> bool:
    """Whether a file is a zip archive as torch writes it, whatever it is called."""
    try:
        with zipfile.ZipFile(path) as archive:
            return any(name.endswith("/data.pkl") for name in archive.namelist())
    except UNREADABLE:
        return False


def _tensor(path: Path) -> np.ndarray:
    try:
        found = torch.load(path, map_location="cpu", weights_only=True)
        if isinstance(found, dict) and len(found) == 1:
            found = next(iter(found.values()))
        if isinstance(found, torch.Tensor):
            return found.detach().to_dense().float().numpy()
    except NO_TENSOR as error:
        raise DataError(f"{path}: is no tensor that torch reads without running code in it.") from error
    raise DataError(f"{path}: holds a {type(found).__name__}, and no tensor. Save the tensor alone.")


def _start(path: Path) -> str:
    with path.open("rb") as file:
        return f"it begins with {file.read(16)!r}"
