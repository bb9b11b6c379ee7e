"""Arrays in files that others made: read without running anything in them."""

from __future__ import annotations

import zipfile
from pathlib import Path

import numpy as np

from ..errors import DataError

TORCH = (".pt", ".pth")


def read_array(path: Path) -> np.ndarray:
    """The numbers in a `.npy` file, a `.npz` file with one array, or a tensor that torch saved.

    Raises:
        DataError: there is no such file, it is none of these, or it would have to be unpickled.
    """
    try:
        if path.suffix in TORCH or _is_torch_s(path):
            return _tensor(path)
        found = np.load(path, allow_pickle=False)
        if isinstance(found, np.lib.npyio.NpzFile):
            with found:
                names = list(found.files)
                if len(names) != 1:
                    raise DataError(
                        f"{path}: holds several arrays ({', '.join(names[:5])}). Save the one that is meant as .npy."
                    )
                found = found[names[0]]
    except FileNotFoundError:
        raise
    except (OSError, ValueError, EOFError, zipfile.BadZipFile) as error:
        raise DataError(
            f"{path}: is no array that can be read safely ({_start(path)}). It must be a .npy file (np.save), or "
            " a tensor (torch.save); text and raw memory maps do not say their shape."
        ) from error
    if found.dtype.kind not in "fiub":
        raise DataError(f"{path}: holds {found.dtype}, and no numbers.")
    return found


def _is_torch_s(path: Path) -> bool:
    """Whether a file is a zip archive as torch writes it, whatever it is called."""
    if not zipfile.is_zipfile(path):
        return False
    with zipfile.ZipFile(path) as archive:
        return any(name.endswith("/data.pkl") for name in archive.namelist())


def _tensor(path: Path) -> np.ndarray:
    import pickle

    import torch

    try:
        found = torch.load(path, map_location="cpu", weights_only=True)
    except FileNotFoundError:
        raise
    except (RuntimeError, pickle.UnpicklingError, ValueError, EOFError, KeyError) as error:
        raise DataError(f"{path}: is no tensor that torch reads without running code in it.") from error
    if isinstance(found, dict) and len(found) == 1:
        found = next(iter(found.values()))
    if not isinstance(found, torch.Tensor):
        raise DataError(f"{path}: holds a {type(found).__name__}, and no tensor. Save the tensor alone.")
    return found.detach().float().numpy()


def _start(path: Path) -> str:
    with path.open("rb") as file:
        return f"it begins with {file.read(16)!r}"
