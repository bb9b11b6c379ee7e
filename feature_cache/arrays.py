"""Arrays as bytes: a header of dtype and shape, then the elements, little-endian, in C order. No pickle."""

from __future__ import annotations

import math
import struct

import numpy as np

ALIGNMENT = 16  # bytes: the elements start at a multiple, so that a copy of the value is an aligned array


def _header_size(ndim: int) -> int:
    return -(-(4 + 4 * ndim) // ALIGNMENT) * ALIGNMENT


def pack(array: np.ndarray) -> bytes:
    """`array` as bytes: dtype (`<f2`, 3 bytes), ndim (1 byte), the dimensions (uint32 each), padding, elements.

    Raises:
        TypeError: the dtype is not bool, integer or float of at most 8 bytes.
    """
    array = np.asarray(array)
    if array.dtype.kind not in "biuf" or array.dtype.itemsize > 8:
        raise TypeError(f"the cache stores bool, integer and float arrays, not {array.dtype}")
    array = np.asarray(array, dtype=array.dtype.newbyteorder("<"), order="C")
    header = struct.pack(f"<3sB{array.ndim}I", array.dtype.str.encode(), array.ndim, *array.shape)
    return b"".join((header.ljust(_header_size(array.ndim), b"\0"), array.data))


def unpack(buffer: bytes | memoryview) -> np.ndarray:
    """The array in `buffer`, as a read-only view of it (no copy).

    Raises:
        ValueError: `buffer` does not hold what its header announces.
    """
    dtype, ndim = struct.unpack_from("<3sB", buffer)
    shape = struct.unpack_from(f"<{ndim}I", buffer, 4)
    start, count = _header_size(ndim), math.prod(shape)
    return np.frombuffer(buffer, np.dtype(dtype.decode()), count, start).reshape(shape)
