"""The C library's memory allocator, told to keep what is freed while an epoch runs."""

from __future__ import annotations

import ctypes
import platform
from collections.abc import Callable
from typing import Any

TRIM_THRESHOLD, MMAP_THRESHOLD = -1, -3  # glibc's malloc.h: M_TRIM_THRESHOLD, M_MMAP_THRESHOLD
LARGE = 2**30  # bytes
DOCUMENTED_LIMIT = 2**25  # of the first on 64 bits, which glibc does not enforce in all versions


def keep_freed_memory() -> bool:
    """Let glibc reuse large freed blocks; whether it did (only on Linux with glibc, and nothing happens elsewhere).

    By default the kernel maps and zeroes each large tensor anew, page by page: gathering a batch's features takes
    seven times as long then, and a training step up to twice as long.
    """
    mallopt = _glibc("mallopt")
    if mallopt is None:
        return False
    mapped = mallopt(MMAP_THRESHOLD, LARGE) or mallopt(MMAP_THRESHOLD, DOCUMENTED_LIMIT)
    return bool(mapped) and bool(mallopt(TRIM_THRESHOLD, LARGE))


def release_freed_memory() -> None:
    """Give what is free now back to the kernel, where glibc is.

    To be called once an epoch: a small block that lives on where a large one was freed leaves a gap that no other large
    block fits in, and without this such gaps would add up.
    """
    malloc_trim = _glibc("malloc_trim")
    if malloc_trim is not None:
        malloc_trim(ctypes.c_size_t(0))


def _glibc(name: str) -> Callable[..., Any] | None:
    if platform.libc_ver()[0] != "glibc":
        return None
    try:
        return getattr(ctypes.CDLL(None), name)
    except (OSError, AttributeError):
        return None
