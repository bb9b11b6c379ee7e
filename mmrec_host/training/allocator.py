"""The C library's memory allocator, told to keep what is freed."""

from __future__ import annotations

import ctypes
import platform

TRIM_THRESHOLD, MMAP_THRESHOLD = -1, -3  # glibc's malloc.h: M_TRIM_THRESHOLD, M_MMAP_THRESHOLD
LARGE = 2**30  # bytes
DOCUMENTED_LIMIT = 2**25  # of the first on 64 bits, which glibc does not enforce in all versions


def keep_freed_memory() -> bool:
    """Let glibc reuse large freed blocks; whether it did (only on Linux with glibc, and nothing happens elsewhere).

    By default the kernel maps and zeroes each large tensor anew, page by page: gathering a batch's features takes
    seven times as long then, and a training step up to twice as long.
    """
    if platform.libc_ver()[0] != "glibc":
        return False
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (OSError, AttributeError):
        return False
    mapped = mallopt(MMAP_THRESHOLD, LARGE) or mallopt(MMAP_THRESHOLD, DOCUMENTED_LIMIT)
    return bool(mapped) and bool(mallopt(TRIM_THRESHOLD, LARGE))
