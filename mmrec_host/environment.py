"""What a run ran on: versions, processor, cores, threads, memory. No host names and no paths."""

from __future__ import annotations

import contextlib
import os
import platform
import subprocess
import sys
from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import psutil

from .version import DISTRIBUTION, __version__

CGROUP = Path("/sys/fs/cgroup")
CPU_FEATURES = {"AVX2": {"avx2"}, "AVX-512": {"avx512f"}, "bfloat16": {"avx512_bf16", "amx_bf16", "bf16"}}
"""Instructions that decide how fast products are -> the flags that say so, one of which is enough."""


def environment() -> dict[str, Any]:
    """Versions, platform, processor, cores, threads; the commit if this package runs from a git checkout of its own."""
    import torch  # which takes seconds, and who only reads a record needs none of it

    described = {
        DISTRIBUTION: __version__,
        "python": platform.python_version(),
        **{package: _version(package) for package in ("torch", "numpy", "scipy")},
        "platform": f"{platform.system()}-{platform.release()}-{platform.machine()}",
        "cpu": cpu_model(),
        "cores": n_cores(),
        "threads": torch.get_num_threads(),
        "commit": _commit(Path(__file__)),
    }
    if torch.cuda.is_available():
        described["gpu"] = torch.cuda.get_device_name()
    return described


def reset_peak_memory() -> None:
    """Count the peaks from here on, where the system can: a run's are then not those of the runs before it."""
    with contextlib.suppress(OSError):  # not Linux, or not allowed
        Path("/proc/self/clear_refs").write_text("5", encoding="ascii")
    torch = sys.modules.get("torch")
    if torch is not None and torch.cuda.is_initialized():
        torch.cuda.reset_peak_memory_stats()


def peak_memory() -> dict[str, float]:
    """Largest memory since `reset_peak_memory` (elsewhere than on Linux since the process began): `peak_memory_mb`;
    `peak_cuda_memory_mb` where CUDA was used.
    """
    peaks = {}
    try:
        status = Path("/proc/self/status").read_text(encoding="ascii")
        peaks["peak_memory_mb"] = int(status.partition("VmHWM:")[2].split(maxsplit=1)[0]) / 1024
    except (OSError, ValueError, IndexError):
        peaks |= _peak_of_process()
    torch = sys.modules.get("torch")
    if torch is not None and torch.cuda.is_initialized():
        peaks["peak_cuda_memory_mb"] = torch.cuda.max_memory_allocated() / 2**20
    return peaks


def _peak_of_process() -> dict[str, float]:
    try:
        import resource  # not on Windows
    except ImportError:
        return {}
    unit = 1 if sys.platform == "darwin" else 1024
    return {"peak_memory_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / 2**20}


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None


def cpu_model() -> str:
    """The processor's name."""
    return next(_cpu_lines("model name"), platform.processor())


def n_cores() -> int:
    """The cores that this process may use."""
    affinity = getattr(os, "sched_getaffinity", None)  # not on macOS and Windows
    return len(affinity(0)) if affinity is not None else os.cpu_count() or 1


def available_memory() -> int:
    """Bytes of memory that are free on this machine or in this container."""
    free = psutil.virtual_memory().available
    try:
        limit, used = (int((CGROUP / name).read_text()) for name in ("memory.max", "memory.current"))
        stat = dict(line.split() for line in (CGROUP / "memory.stat").read_text().splitlines())
        free = min(free, limit - used + int(stat["active_file"]) + int(stat["inactive_file"]))  # files can be dropped
    except (OSError, ValueError, KeyError):  # no container, or one without a limit
        pass
    return free


def cpu_features() -> list[str] | None:
    """Those of CPU_FEATURES that the processor has; None if the system does not say."""
    for line in (*_cpu_lines("flags"), *_cpu_lines("Features")):  # of x86, of ARM
        flags = set(line.split())
        return [name for name, any_of in CPU_FEATURES.items() if flags & any_of]
    return None


def _cpu_lines(name: str) -> Iterator[str]:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:  # not Linux
        return
    yield from (line.partition(":")[2].strip() for line in lines if line.startswith(name))


def _commit(file: Path) -> str | None:
    """Commit of the checkout that tracks `file`, with `-dirty` after it if a tracked file was changed; else None."""
    try:
        _git(file, "ls-files", "--error-unmatch", file.name)
        return _git(file, "describe", "--always", "--dirty", "--abbrev=40", "--exclude=*")
    except (OSError, subprocess.SubprocessError):
        return None


def _git(file: Path, *arguments: str) -> str:
    command = ["git", "-C", str(file.parent), *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=10)  # noqa: S603 (fixed command)
    return done.stdout.strip()
