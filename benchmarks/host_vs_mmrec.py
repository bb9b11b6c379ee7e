"""Speed and memory of the embedded host beside MMRec's, on the same data, machine and settings.

Each case (host, model, scale) runs in a process of its own, one after the other. The hosts are `ours`, `mmrec` (an
unmodified checkout, through its own loaders, trainer and evaluator) and `floor` (the matrix products, sparse products,
bytes and rankings that the model cannot avoid, timed bare). Printed are CPU seconds (all threads together), the fastest
of --epochs runs of each step, and a process's peak memory; `--json` keeps all numbers, wall seconds among them.

Rows of a table:
  train epoch     one pass over the training pairs with fresh negatives, forward, backward, optimizer
  evaluation      one split ranked in full and scored at 5, 10, 20, 50; ours by four metrics, as MMRec
  default epoch   what a user waits for an epoch: MMRec evaluates validation and test each time, ours validation alone
  construct       building the model, item graphs included; `read data` is what comes before it
  loader          an epoch's batches with negatives, without training;  item graph: k nearest neighbours of all items
The first ratio is MMRec's time over ours, the second ours over the floor.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from datasets import SCALES
from report import table

HERE = Path(__file__).resolve().parent
COMMON = {"train_batch_size": 2048, "eval_batch_size": 4096, "learning_rate": 0.001, "seed": 999}
FREEDOM = {"reg_weight": 0.001, "dropout": 0.8, "knn_k": 10, "n_mm_layers": 1, "n_ui_layers": 2}
MODELS: dict[str, dict[str, Any]] = {  # label -> model, settings of both hosts, settings of ours alone
    "BPR": {"settings": {"reg_weight": 0.1}},
    "LightGCN": {"settings": {"n_layers": 2, "reg_weight": 0.0001}},
    "VBPR": {"settings": {"reg_weight": 0.1}},
    "FREEDOM": {"settings": FREEDOM},
    "FREEDOM frozen": {"model": "FREEDOM", "settings": FREEDOM, "ours": {"trainable_features": False}},
    "LATTICE": {"settings": {"reg_weight": 0.001, "knn_k": 10, "n_layers": 1, "lambda_coeff": 0.9}},
}
HOSTS = {"ours": "ours", "mmrec": "mmrec", "floor": "floors"}


def parse() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--mmrec-home", type=Path, metavar="PATH", help="checkout of enoche/MMRec; without it no mmrec")
    parser.add_argument("--hosts", nargs="+", choices=HOSTS, default=list(HOSTS))
    parser.add_argument("--scale", nargs="+", choices=SCALES, default=["baby", "sports"], help="size of generated data")
    parser.add_argument("--data", type=Path, metavar="FOLDER", help="a dataset in MMRec's layout in place of --scale")
    parser.add_argument("--models", nargs="+", choices=MODELS, default=list(MODELS), metavar="MODEL")
    parser.add_argument("--features", nargs=2, type=int, default=[4096, 384], metavar=("IMAGE", "TEXT"), help="sizes")
    parser.add_argument("--epochs", type=int, default=2, help="runs of each step; the fastest counts")
    parser.add_argument("--limit", type=float, default=600, metavar="SECONDS", help="a case that takes longer is ended")
    parser.add_argument(
        "--memory", type=float, default=12, metavar="GIB", help="no case may allocate more; 0: no limit"
    )
    parser.add_argument("--threads", type=int, default=1, help="CPU threads of every case")
    parser.add_argument("--json", type=Path, metavar="FILE", help="keep the numbers; cases that are there do not run")
    parser.add_argument("--work", type=Path, metavar="FOLDER", help="keep the generated data there for the next time")
    parser.add_argument("--list", action="store_true", help="print the cases and the longest that they can take")
    return parser.parse_args()


def main() -> None:
    """Run the cases that are not measured yet and print a table a scale."""
    args = parse()
    hosts = [host for host in args.hosts if host != "mmrec" or args.mmrec_home]
    scales = [args.data.resolve().name] if args.data else args.scale
    kept = json.loads(args.json.read_text(encoding="utf-8")) if args.json and args.json.exists() else {}
    cases = [
        (s, m, h) for s in scales for m in args.models for h in hosts if not (h == "mmrec" and m.endswith("frozen"))
    ]
    todo = [case for case in cases if " | ".join(case) not in kept]
    print(f"{len(cases)} cases, {len(todo)} to run, {len(todo) * args.limit:.0f} s at the most", file=sys.stderr)
    if args.list:
        print("\n".join(" | ".join(case) for case in todo))
        return
    with tempfile.TemporaryDirectory() as temporary:
        work = args.work or Path(temporary)
        for number, (scale, label, host) in enumerate(todo, start=1):
            started = time.perf_counter()
            folder = make_data(work, scale, args)
            kept[f"{scale} | {label} | {host}"] = result = run(case(args, folder, label, host), args, Path(temporary))
            if args.json:
                args.json.write_text(json.dumps(kept, indent=1), encoding="utf-8")
            said = result.get("stopped", "done")
            print(
                f"{number}/{len(todo)} {scale} {label} {host}: {said}, {time.perf_counter() - started:.0f} s",
                file=sys.stderr,
            )
    if not kept:
        return
    for scale in scales:
        print(table(kept, scale, args.models))


def case(args: argparse.Namespace, folder: Path, label: str, host: str) -> dict[str, Any]:
    """What the process of a case is told."""
    spec = MODELS[label]
    settings = {"settings": COMMON | spec["settings"], "ours": spec.get("ours", {})}
    told = {
        "model": spec.get("model", label),
        "host": host,
        "module": HOSTS[host],
        "folder": str(folder),
        "item_graph": label == "FREEDOM",
    }
    return told | settings | {"mmrec_home": str(args.mmrec_home), "epochs": args.epochs, "memory": args.memory}


def make_data(work: Path, scale: str, args: argparse.Namespace) -> Path:
    """The dataset's folder; made in a process of its own, so that its memory is not counted to the cases."""
    told = [work.resolve(), scale, *args.features, *([args.data.resolve()] if args.data else [])]
    command = [sys.executable, str(HERE / "datasets.py"), *map(str, told)]
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
    return Path(done.stdout.strip())


def run(told: dict[str, Any], args: argparse.Namespace, temporary: Path) -> dict[str, Any]:
    """Run one case and return its measurements; `stopped` says why it did not come to its end."""
    case_file, result_file = temporary / "case.json", temporary / "result.json"
    case_file.write_text(json.dumps(told), encoding="utf-8")
    result_file.unlink(missing_ok=True)
    threads = {name: str(args.threads) for name in ("OMP_NUM_THREADS", "MKL_NUM_THREADS")}
    path = os.pathsep.join([str(HERE.parent), *filter(None, [os.environ.get("PYTHONPATH")])])
    command = [sys.executable, str(HERE / "case.py"), str(case_file), str(result_file)]
    stopped, output = None, ""
    try:
        done = subprocess.run(
            command, timeout=args.limit, env=os.environ | threads | {"PYTHONPATH": path}, capture_output=True, text=True
        )
        if done.returncode:
            stopped, output = "failed", done.stderr
    except subprocess.TimeoutExpired:
        stopped = f"did not finish in {args.limit:g} s"
    if output:
        print(output, file=sys.stderr)
    result = json.loads(result_file.read_text(encoding="utf-8")) if result_file.exists() else {"steps": {}}
    return result | ({"stopped": stopped} if stopped else {})


if __name__ == "__main__":
    main()
