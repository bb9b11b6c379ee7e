"""The benchmark of the start measures this build beside another, and says so where the other lacks a command."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

SCRIPT = Path(__file__).parents[2] / "benchmarks" / "start.py"


def test_a_row_a_command_with_both_builds_and_their_ratio(tmp_path: Path) -> None:
    command = [sys.executable, str(SCRIPT), "--times", "1", "--only=--version", "--only=install"]
    done = subprocess.run([*command, "--against", sys.executable], capture_output=True, text=True, check=True)
    rows = done.stdout.splitlines()[2:]
    number = r"\d+\.\d{3}"
    assert [row.split("`")[1] for row in rows] == ["--version", "install -h"]
    assert all(re.fullmatch(rf"\| `.*` \| {number} \| {number} \| {number} \|", row) for row in rows)

    broken = tmp_path / "python"
    broken.write_text("#!/bin/sh\nexit 2\n")
    broken.chmod(0o755)
    done = subprocess.run([*command, "--against", str(broken)], capture_output=True, text=True, check=True)
    assert re.fullmatch(rf"\| `--version` \| {number} \| – \|  \|", done.stdout.splitlines()[2])
