"""The benchmark of stage 2 runs from its command line and keeps what it has measured."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

SCRIPT = Path(__file__).parents[2] / "benchmarks" / "stage2.py"
CASES = ["lora, last 2 blocks", "side"]


def test_measures_both_ways_and_does_not_measure_them_again(tmp_path: Path) -> None:
    file = tmp_path / "kept.json"
    command = [sys.executable, str(SCRIPT), "--encoder", "tiny", "--items", "48", "--pool", "16", "--steps", "1"]
    command += ["--cases", *CASES, "--json", str(file)]
    first = subprocess.run(command, capture_output=True, text=True, check=True)
    kept = json.loads(file.read_text())
    sizes = "cpu, float32, 16 of 48 items, 1 steps, 1 thread(s)"
    for case in CASES:
        cached, whole = (kept.pop(f"tiny | {case} | {way} | {sizes}") for way in ("cached", "whole"))
        assert cached["parameters"] == whole["parameters"] > 0
        assert 0 < cached["multiplications"] < whole["multiplications"] and cached["floor"] > 0
        assert max(abs(a - b) for a, b in zip(cached["losses"], whole["losses"], strict=True)) < 1e-3
    assert f"| {CASES[0]} | 8,192 |" in first.stdout
    assert not kept
    again = subprocess.run(command, capture_output=True, text=True, check=True)
    assert again.stdout == first.stdout and "s a step" not in again.stderr
