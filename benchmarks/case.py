"""One case in a process of its own: `python case.py CASE.json RESULT.json`, started by host_vs_mmrec.py."""

from __future__ import annotations

import importlib
import json
import os
import resource
import sys
from pathlib import Path

import torch
from measurements import Measurements

from mmrec_host.environment import environment


def machine() -> str:
    """Processor, cores, threads and versions."""
    known = environment()
    versions = ", ".join(f"{name} {known[name]}" for name in ("python", "torch", "numpy"))
    return f"{known['cpu']}, {os.cpu_count()} cores, {known['threads']} thread(s), {versions}"


def main(case_file: str, result_file: str) -> None:
    """Run the module that the case names, under its memory limit."""
    case = json.loads(Path(case_file).read_text(encoding="utf-8"))
    measured = Measurements(Path(result_file))
    measured.save(host=case["host"], machine=machine())
    if case["memory"] and sys.platform == "linux":  # anonymous memory: an allocation past it fails, nobody is killed
        limit = int(case["memory"] * 2**30)
        resource.setrlimit(resource.RLIMIT_DATA, (limit, limit))
    torch.optim.Adam([torch.nn.Parameter(torch.zeros(1))])  # with the first optimizer torch imports its compiler
    try:
        importlib.import_module(case["module"]).measure(case, measured)
    except (MemoryError, RuntimeError) as error:
        if isinstance(error, RuntimeError) and "alloc" not in str(error):
            raise
        measured.save(stopped=f"needs more than {case['memory']:g} GiB")


if __name__ == "__main__":
    main(*sys.argv[1:])
