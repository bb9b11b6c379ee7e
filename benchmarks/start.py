"""What it costs to open the command line, beside another build: CPU seconds of a process, user and system.

    python benchmarks/start.py --against OTHER/bin/python

runs each command in this environment and in the other, in turn, and prints the medians. The other one is named by its
Python or its `ptmrec`; its runs of BPR on the generated dataset are made here, so both print the same table.
"""

from __future__ import annotations

import argparse
import os
import resource
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

COMMANDS = ("run", "list", "table", "install", "uninstall", "show", "run-mmrec", "encode", "export", "recommend")
COMMANDS += ("prepare", "doctor")
LINES = {
    "-h": ["-h"],
    "--version": ["--version"],
    **{f"{command} -h": [command, "-h"] for command in COMMANDS},
    **{f"list {kind}": ["list", kind] for kind in ("models", "peft", "encoders", "datasets")},
    "table -d mini": ["table", "-d", "mini"],
}
RUNS = ["-q", "-m", "BPR", "-d", "mini", "encoder=tiny", "epochs=2", "--seeds", "2"]
TWO_ROWS = (["embedding_size=8"], ["embedding_size=16"])
MAIN = """import sys
try:
    from mmrec_host.cli.main import main
except ImportError:  # before the command line was a package
    from mmrec_host.cli import main
sys.argv[0] = "ptmrec"
sys.exit(main())
"""


def starter(program: Path | str) -> list[str]:
    """How the command line of an environment begins, by its Python or its `ptmrec`."""
    python = Path(program).with_name("python") if Path(program).name == "ptmrec" else Path(program)
    return [str(python), "-c", MAIN]


def cpu_seconds(command: list[str], folder: Path) -> float | None:
    """CPU seconds of one process; None if it fails."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    done = subprocess.run(command, cwd=folder, capture_output=True, check=False)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    used = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return used if done.returncode == 0 else None


def median(values: list[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return statistics.median(known) if known else None


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--against", metavar="PROGRAM", help="Python or ptmrec of another environment")
    parser.add_argument("--times", type=int, default=5, metavar="N", help="runs of each command, default: 5")
    parser.add_argument("--only", action="append", metavar="WORD", help="commands with this word; may be repeated")
    args = parser.parse_args()
    lines = {line: words for line, words in LINES.items() if not args.only or set(words) & set(args.only)}
    os.environ |= {"OMP_NUM_THREADS": "1", "HF_HUB_OFFLINE": "1"}
    builds = [starter(sys.executable), *([starter(args.against)] if args.against else [])]
    with tempfile.TemporaryDirectory() as folder:
        if "table -d mini" in lines:
            for keys in TWO_ROWS:
                subprocess.run([*builds[0], *RUNS, *keys], cwd=folder, check=True, stdout=subprocess.DEVNULL)
        print("| `ptmrec …` | CPU s | the other's | ratio |\n| --- | ---: | ---: | ---: |")
        for line, words in lines.items():
            spent: list[list[float | None]] = [[] for _ in builds]
            for turn in range(args.times + 1):
                for build, seconds in zip(builds, spent):
                    used = cpu_seconds([*build, *words], Path(folder))
                    if turn:  # the first one may compile
                        seconds.append(used)
            ours, theirs = median(spent[0]), median(spent[1]) if args.against else None
            ratio = f"{ours / theirs:.3f}" if ours and theirs else ""
            shown = " | ".join("–" if value is None else f"{value:.3f}" for value in (ours, theirs))
            print(f"| `{line}` | {shown} | {ratio} |", flush=True)


if __name__ == "__main__":
    main()
