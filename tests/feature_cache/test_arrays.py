from __future__ import annotations

import numpy as np
import pytest

from feature_cache.arrays import pack, unpack


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64", "int64", "uint8", "bool", ">f4"])
@pytest.mark.parametrize("shape", [(), (5,), (2, 3), (2, 1, 3, 4), (0, 7)])
def test_round_trip(dtype: str, shape: tuple[int, ...]) -> None:
    array = (np.random.default_rng(0).random(shape) * 9).astype(dtype)
    back = unpack(pack(array))
    assert back.shape == shape
    assert back.dtype == np.dtype(dtype).newbyteorder("<")
    np.testing.assert_array_equal(back, array)


def test_memory_layout_does_not_matter() -> None:
    array = np.arange(12, dtype=np.float32).reshape(3, 4)
    assert pack(np.asfortranarray(array)) == pack(array)
    assert pack(array[:, ::2]) == pack(array[:, ::2].copy())


def test_bytes_are_documented_ones() -> None:
    assert pack(np.array([1, 258], dtype=">u2")) == b"<u2\x01" + b"\x02\0\0\0" + bytes(8) + b"\x01\0\x02\x01"


@pytest.mark.parametrize("array", [np.array([{}]), np.array(["text"]), np.array([1j])])
def test_other_dtypes_are_refused(array: np.ndarray) -> None:
    with pytest.raises(TypeError, match="bool, integer and float"):
        pack(array)


def test_object_header_is_never_unpickled() -> None:
    with pytest.raises(ValueError):
        unpack(b"|O8\x01" + b"\x01\0\0\0" + bytes(8) + bytes(8))
