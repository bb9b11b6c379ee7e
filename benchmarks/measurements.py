"""CPU and wall seconds of named steps, written to a file as they come, so that a killed case keeps what it had."""

from __future__ import annotations

import json
import os
import resource
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

UNIT = 1 if sys.platform == "darwin" else 1024  # bytes, of ru_maxrss


def clock() -> tuple[float, float]:
    """CPU seconds of this process, all threads together, and wall seconds."""
    return time.process_time(), time.perf_counter()


class Measurements:
    """Collects `steps`: name -> list of [CPU seconds, wall seconds], and facts; saves after each."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.values: dict[str, Any] = {"steps": {}}

    def add(self, step: str, cpu: float, wall: float) -> None:
        """One more measurement of a step."""
        self.values["steps"].setdefault(step, []).append([round(cpu, 5), round(wall, 5)])
        self.save()

    @contextmanager
    def timed(self, step: str) -> Iterator[None]:
        """Measure what runs inside."""
        cpu, wall = clock()
        yield
        end_cpu, end_wall = clock()
        self.add(step, end_cpu - cpu, end_wall - wall)

    def watch(self, owner: Any, name: str, step: str) -> None:
        """Measure every call of the function `owner.name` from now on; a step's calls are added up."""
        function = getattr(owner, name)
        total = [0.0, 0.0]

        def measured(*args: Any, **kwargs: Any) -> Any:
            start = clock()
            result = function(*args, **kwargs)
            total[:] = [t + end - begin for t, begin, end in zip(total, start, clock())]
            self.values["steps"][step] = [[round(t, 5) for t in total]]
            return result

        setattr(owner, name, measured)

    def save(self, **facts: Any) -> None:
        """Write everything, with this process's peak memory in bytes."""
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * UNIT
        self.values |= facts | {"peak_memory": peak}
        part = self.path.with_suffix(".part")
        part.write_text(json.dumps(self.values), encoding="utf-8")
        os.replace(part, self.path)
