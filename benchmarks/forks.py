"""Which models of MMRec's forks run in this host, and learn: all models of a folder of checkouts, on `mini`.

python benchmarks/forks.py FOLDER [--epochs N ...] [--ptmrec] [--only REGEX] [--json FILE]

FOLDER holds checkouts of MMRec and of forks; nothing is fetched. Each model runs in a process of its own, as a user
would run it: `ptmrec -m mmrec:NAME -d mini --mmrec-home CHECKOUT`. The rule is the same for all: its own YAML files, of
each grid the middle value (place n // 2 of n), `mini`'s batches, the first number of epochs with which Recall on the
validation split is more than six standard errors above what a random ranking is expected to have, or else the last one.
It beats random if Recall on the test split is then more than three of them above. With --ptmrec, PTMRec runs on each
model as its base.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import os
import re
import resource
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import torch
from fork_data import make

from mmrec_bridge.checkout import mmrec_checkout
from mmrec_bridge.model_file import ModelFile
from mmrec_host.cli.main import main as main_of_ptmrec
from mmrec_host.errors import UserError
from mmrec_host.runs.record import find_runs
from mmrec_host.yaml_values import flow

# A model's process is forked where that can be: torch is then imported once.
PROCESSES = multiprocessing.get_context("fork" if "fork" in multiprocessing.get_all_start_methods() else "spawn")
PTMREC = {"stage2_epochs": 2, "pool_size": 32}
FUSED = {"ANCHORREC"}  # reads features of image and text together, besides each
SPLITS = ("valid", "test")
COLUMNS = ("repository", "commit", "model", "ran", "beats random", "epochs", "test Recall@10, or the message")
PATIENCE = 20  # wall seconds for a second of CPU time, on a machine that is busy with other things
ERRORS = 3  # standard errors above chance


def parse() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path, help="holds the checkouts, a folder each")
    parser.add_argument("--epochs", type=int, nargs="+", default=[5, 20, 60])
    parser.add_argument("--ptmrec", action="store_true", help="PTMRec on each model, in place of the model")
    parser.add_argument("--only", default="", metavar="REGEX", help="of 'checkout/MODEL'")
    parser.add_argument("--limit", type=int, default=120, metavar="SECONDS", help="of CPU time that a model may take")
    parser.add_argument("--json", type=Path, metavar="FILE", help="keep the outcomes; models that are there do not run")
    parser.add_argument("--work", type=Path, metavar="FOLDER", help="keep the generated data there for the next time")
    return parser.parse_args()


def models(home: Path) -> list[ModelFile]:
    """The models of a checkout; none, with a word, if it is none."""
    try:
        files = [ModelFile.read(path) for path in mmrec_checkout(home).models]
    except UserError as error:
        print(f"{home.name}: {error}", file=sys.stderr)
        return []
    return [file for file in files if file.is_mmrec and file.name]


def commit(home: Path) -> str:
    """The checkout's commit, short; empty where git knows none."""
    command = ["git", "-C", str(home), "rev-parse", "--short", "HEAD"]
    return subprocess.run(command, capture_output=True, text=True, check=False).stdout.strip()


def grid(file: ModelFile) -> dict[str, Any]:
    """The middle value of each of the model's grids."""
    values = file.yaml_values("mini")
    return {key: values[key][len(values[key]) // 2] for key in values["hyper_parameters"]}


def words(file: ModelFile, home: Path, made: dict[str, Any], epochs: int, on_it: bool, runs: Path) -> list[str]:
    """The command line of a model's run, or of PTMRec's on it."""
    keys = made["keys"] | {"epochs": epochs, "eval_step": epochs, "run_path": str(runs)}
    keys |= {"save_model": False, "progress": False} | {k: v for k, v in grid(file).items() if k not in keys}
    if file.name in FUSED:
        keys["multimodal_data_dir"] = made["fused"]
    if on_it:
        keys |= {**PTMREC, "base": f"mmrec:{file.name}"}
    model = "PTMRec" if on_it else f"mmrec:{file.name}"
    return ["-q", "-m", model, "-d", "mini", "--mmrec-home", str(home), *(f"{k}={flow(v)}" for k, v in keys.items())]


def command(arguments: list[str], folder: Path, limit: int) -> None:
    """`ptmrec arguments` in a process of its own, which is this one; what it says goes to a file."""
    resource.setrlimit(resource.RLIMIT_CPU, (limit, resource.RLIM_INFINITY))
    with (folder / "said.txt").open("w") as said:
        for stream in (sys.stdout, sys.stderr):
            os.dup2(said.fileno(), stream.fileno())
        os.chdir(folder)
        sys.exit(main_of_ptmrec(arguments))


def run(file: ModelFile, home: Path, made: dict[str, Any], epochs: int, args: argparse.Namespace) -> dict[str, Any]:
    """Run one model; `ran`, its Recall on both splits, or the message."""
    started = time.monotonic()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        arguments = words(file, home, made, epochs, args.ptmrec, folder)
        process = PROCESSES.Process(target=command, args=(arguments, folder, args.limit))
        process.start()
        process.join(PATIENCE * args.limit)
        if process.exitcode is None or process.exitcode == -signal.SIGXCPU:
            process.kill()
            process.join()
            return {"ran": False, "message": f"did not finish in {args.limit} s"}
        outcome: dict[str, Any] = {"ran": process.exitcode == 0, "epochs": epochs}
        outcome["seconds"] = round(time.monotonic() - started)
        if process.exitcode:
            last = ((folder / "said.txt").read_text(encoding="utf-8").strip().splitlines() or ["no message"])[-1]
            kind = "" if process.exitcode == 2 else f"exit code {process.exitcode}: "
            return outcome | {"message": kind + last.replace(f"{home}/", "")}
        model = "PTMRec" if args.ptmrec else f"mmrec:{file.name}"
        (info,) = (r.info for r in find_runs(folder, "mini") if r.info["model"] == model)
        return outcome | {split: recall(info[split] if split == "test" else info["best"]["valid"]) for split in SPLITS}


def recall(values: dict[str, float]) -> float:
    """The only Recall among a run's values."""
    (value,) = (value for name, value in values.items() if name.startswith("recall@"))
    return value


def bar(chance: dict[str, float], errors: int) -> float:
    """A Recall so many standard errors above chance."""
    return chance["recall"] + errors * chance["error"]


def table(kept: dict[str, Any], chance: dict[str, float]) -> str:
    """Markdown, and a line that counts."""
    lines = [f"| {' | '.join(COLUMNS)} |", "| --- " * len(COLUMNS) + "|"]
    for place, outcome in sorted(kept.items()):
        home, _, model = place.partition("/")
        beats = outcome["ran"] and outcome["test"] > bar(chance, ERRORS)
        said = f"{outcome['test']:.4f}" if outcome["ran"] else outcome["message"]
        yes = {True: "yes", False: "no"}
        cells = [home, outcome["commit"], model, yes[outcome["ran"]], yes[beats], outcome.get("epochs", ""), said]
        lines.append(f"| {' | '.join(map(str, cells))} |")
    ran = [outcome for outcome in kept.values() if outcome["ran"]]
    beat = sum(outcome["test"] > bar(chance, ERRORS) for outcome in ran)
    count = f"{len(kept)} models, {len(ran)} ran, {beat} beat random ({chance['recall']:.4f} ± {chance['error']:.4f})"
    return "\n".join([*lines, "", count])


def main() -> None:
    """Run what is not kept yet, and print the table."""
    args = parse()
    torch.set_num_threads(1)  # a process that has used several cannot be forked
    kept = json.loads(args.json.read_text(encoding="utf-8")) if args.json and args.json.exists() else {}
    homes = [home.resolve() for home in sorted(args.folder.iterdir()) if home.is_dir()]
    cases = [(f"{home.name}/{file.name}", home, file) for home in homes for file in models(home)]
    todo = [case for case in cases if case[0] not in kept and re.search(args.only, case[0])]
    with tempfile.TemporaryDirectory() as temporary:
        work = args.work or Path(temporary)
        work.mkdir(parents=True, exist_ok=True)
        made = make(work.resolve())
        for number, (place, home, file) in enumerate(todo, start=1):
            for epochs in args.epochs:
                kept[place] = run(file, home, made, epochs, args) | {"commit": commit(home)}
                if not kept[place]["ran"] or kept[place]["valid"] > bar(made["chance"], 2 * ERRORS):
                    break
            print(f"{number}/{len(todo)} {place}: {json.dumps(kept[place])}", file=sys.stderr)
            if args.json:
                args.json.write_text(json.dumps(kept, indent=1), encoding="utf-8")
        shown = {place: outcome for place, outcome in kept.items() if re.search(args.only, place)}
        print(table(shown, made["chance"]))


if __name__ == "__main__":
    main()
