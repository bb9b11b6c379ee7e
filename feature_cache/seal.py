"""Checksums of what is stored: a value that was damaged on the disk is noticed, never used."""

from __future__ import annotations

import zlib

SIZE = 4  # bytes: CRC-32, which zlib computes at several GB/s


def seal(key: bytes, value: bytes) -> bytes:
    """`value` with its checksum behind it; the key counts too, so that no value stands in for another."""
    return value + zlib.crc32(value, zlib.crc32(key)).to_bytes(SIZE, "little")


def unseal(key: bytes, sealed: memoryview) -> memoryview | None:
    """The value without its checksum, as a view; None if it is not what was sealed."""
    value, checksum = sealed[:-SIZE], sealed[-SIZE:]
    return value if zlib.crc32(value, zlib.crc32(key)).to_bytes(SIZE, "little") == checksum else None
