"""The benchmark of `ptmrec prepare` runs from its command line; the run after a kill does the rest, none is lost."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

SCRIPT = Path(__file__).parents[2] / "benchmarks" / "prepare.py"


def test_a_killed_run_is_finished_by_the_next() -> None:
    command = [sys.executable, str(SCRIPT), "--reviews", "4000", "--items", "400"]
    said = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    outcomes = [int(n) for n in re.findall(r"([\d,]+) new outcomes", said)]
    n_items = int(re.search(r"users, (\d+) items", said)[1])
    tables, killed, rest, again = outcomes
    assert tables == again == 0
    assert 0 < killed < n_items and killed + rest == n_items
    behaviour = dict(re.findall(r"'(\w+)': (\d+)", said.splitlines()[-1]))
    assert int(re.search(r"images: (\d+) stored", said)[1]) == int(behaviour["good"]) + int(behaviour.get("busy", 0))
