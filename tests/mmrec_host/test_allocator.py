"""Freed memory is kept, so that the next large tensor needs no new pages, and given back once an epoch."""

from __future__ import annotations

import platform
import subprocess
import sys

import pytest

ROUNDS = """
import resource, statistics, sys
import torch
from mmrec_host.training.allocator import keep_freed_memory

if sys.argv[1] == "keep":
    assert keep_freed_memory()
faults = []
for _ in range(60):
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    table = torch.ones(12 * 2**20)
    faults.append(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
    del table
print(statistics.median(faults[20:]))
"""
GAPS = """
import sys
import torch
from mmrec_host.training.allocator import keep_freed_memory, release_freed_memory

def resident():
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * 4096 // 2**20

keep_freed_memory()
tables = [torch.ones(12 * 2**20) for _ in range(8)]
survivors = [torch.ones(100) for _ in range(8)]
before = resident()
del tables
if sys.argv[1] == "release":
    release_freed_memory()
print(before - resident())
"""
needs_glibc = pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="only glibc has mallopt and malloc_trim")


def printed(program: str, mode: str) -> float:
    done = subprocess.run([sys.executable, "-c", program, mode], capture_output=True, text=True, check=True)
    return float(done.stdout)


@needs_glibc
def test_the_next_large_tensor_needs_no_new_pages() -> None:
    assert printed(ROUNDS, "keep") < 16 < printed(ROUNDS, "leave")


@needs_glibc
def test_freed_memory_is_given_back_when_asked_for() -> None:
    assert printed(GAPS, "keep") < 100 < 300 < printed(GAPS, "release")  # MiB, of 384
