"""Files of `torch.save`: plain arrays and values, read with their checksums."""

from __future__ import annotations

import pickle
import zipfile
import zlib
from pathlib import Path
from typing import Any

import torch

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
