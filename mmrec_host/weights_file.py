"""Files of `torch.save`: plain arrays and values, read with their checksums."""

from __future__ import annotations

import pickle
import zipfile
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

UNREADABLE = (OSError, RuntimeError, ValueError, EOFError, pickle.UnpicklingError, zipfile.BadZipFile, zlib.error)


def load_weights(path: Path) -> Any:
    """What `torch.save` wrote to `path`, on the CPU.

    torch writes a CRC-32 beside each tensor, and does not look at it when it reads; here it is looked at.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: it cannot be read, is damaged, or holds more than weights and plain values; the message says why.
    """
    with path.open("rb") as file:
        try:
            with zipfile.ZipFile(file) as archive:
                damaged = archive.testzip()
            if damaged is not None:
                raise ValueError(f"damaged: {damaged} is not what was written")
            file.seek(0)
            return torch.load(file, weights_only=True, map_location="cpu")
        except UNREADABLE as error:
            raise ValueError(str(error).partition("\n")[0] or type(error).__name__) from error


def holds_nan(values: Any) -> bool:
    """Whether a number somewhere in weights and plain values is none, from which no training can go on."""
    if isinstance(values, Mapping):
        return any(map(holds_nan, values.values()))
    if isinstance(values, list | tuple):
        return any(map(holds_nan, values))
    if isinstance(values, Tensor):
        dense = values.layout == torch.strided and values.is_floating_point()
        return dense and bool(values.isnan().any())
    return False
