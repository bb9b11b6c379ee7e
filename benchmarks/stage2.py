"""What a training step of stage 2 costs: each PEFT variant on cached activations, beside full recomputation.

Each case runs in a process of its own, one after the other: PTMRec on generated pictures and texts with an encoder of
the real size (random weights compute as fast as trained ones), some steps on item pools, the recommender and the
knowledge transfer included. Printed are, for both ways,
  items/s     encoded in training, of the median step; `ratio` is cached over whole
  peak MB     what a step needs beside the loaded model
and for the cached one `floor`: a step's time over that of the encoder's own multiplications, forward and backward, as
torch's counter finds them, at the rate of a matrix product of the encoder's size measured in the same process.
`loss` is the largest relative difference of a loss between the two ways (the cache keeps float16).
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
TOP2 = {"vision_blocks": 2, "text_blocks": 2}
ALL = {"vision_blocks": "all", "text_blocks": "all"}
CASES: dict[str, dict[str, Any]] = {
    "lora, last 2 blocks": {"peft": "lora", **TOP2},
    "dora, last 2 blocks": {"peft": "dora", **TOP2},
    "adapter, last 2 blocks": {"peft": "adapter", **TOP2},
    "prompt, last 2 blocks": {"peft": "prompt", **TOP2},
    "bitfit, last 2 blocks": {"peft": "bitfit", **TOP2},
    "last_k, 2 blocks": {"peft": "last_k", **TOP2},
    "side": {"peft": "side"},
    "lora, all blocks": {"peft": "lora", **ALL},
    "lora, all, encode_chunk=8": {"peft": "lora", **ALL, "encode_chunk": 8},
    "lora, all, checkpointed": {"peft": "lora", **ALL, "gradient_checkpointing": True},
    "full": {"peft": "full"},
}
WAYS = {"cached": {"reuse_activations": True}, "whole": {"reuse_activations": False}}


def parse() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cases", nargs="+", choices=CASES, default=list(CASES), metavar="CASE", help=", ".join(CASES))
    parser.add_argument("--encoder", default="vit-b-32", help="see `ptmrec list encoders`; weights are random")
    parser.add_argument("--items", type=int, default=128)
    parser.add_argument("--pool", type=int, default=64, help="items a step")
    parser.add_argument("--steps", type=int, default=4, help="timed ones, after one that is not")
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--precision", default="float32", choices=["float32", "bfloat16"])
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--json", type=Path, metavar="FILE", help="keep the numbers; cases that are there do not run")
    parser.add_argument("--one", type=Path, help=argparse.SUPPRESS)  # the file of a case: this is its process
    return parser.parse_args()


def main() -> None:
    """Run the cases and print their table."""
    args = parse()
    if args.one:
        told = json.loads(args.one.read_text())
        args.one.write_text(json.dumps(measure(told)))
        return
    kept = json.loads(args.json.read_text()) if args.json and args.json.exists() else {}
    with tempfile.TemporaryDirectory() as folder:
        for name in args.cases:
            for way in WAYS:
                key = key_of(args, name, way)
                if key not in kept:
                    kept[key] = run(args, CASES[name] | WAYS[way], Path(folder))
                    print(f"{key}: {kept[key]['seconds']:.3f} s a step", file=sys.stderr)
                    if args.json:
                        args.json.write_text(json.dumps(kept, indent=1))
    print(table(args, kept))


def key_of(args: argparse.Namespace, name: str, way: str) -> str:
    """Under which a case is kept."""
    size = f"{args.pool} of {args.items} items, {args.steps} steps, {args.threads} thread(s)"
    return f"{args.encoder} | {name} | {way} | {args.device}, {args.precision}, {size}"


def run(args: argparse.Namespace, settings: dict[str, Any], folder: Path) -> dict[str, Any]:
    """One case in a process of its own; the cache in `folder` serves all."""
    keys = {
        **{"encoder": args.encoder, "device": args.device, "precision": args.precision, "threads": args.threads},
        **{
            "encoder_pretrained": None,
            "mini_items": args.items,
            "mini_users": 400,
            "new_items": 0.0,
            "topk": [20],
            "valid_metric": "Recall@20",
            "pool_size": args.pool,
        },
        **{f"{kind}_path": str(folder / kind) for kind in ("data", "run", "cache")},
        **{"progress": False, "stage2_patience": 99, "epochs": 1, **settings},
    }
    file = folder / "case.json"
    file.write_text(json.dumps({"keys": keys, "steps": args.steps}))
    paths = os.pathsep.join([str(HERE.parent), *filter(None, [os.environ.get("PYTHONPATH")])])
    environment = os.environ | {"OMP_NUM_THREADS": str(args.threads), "PYTHONPATH": paths}
    subprocess.run([sys.executable, str(HERE / "stage2.py"), "--one", str(file)], check=True, env=environment)
    return json.loads(file.read_text())


def measure(told: dict[str, Any]) -> dict[str, Any]:
    """Seconds of each step, losses, memory in bytes, and floor in seconds of one case."""
    import psutil
    import torch

    from mmrec_host.config import load_config
    from mmrec_host.environment import peak_memory, reset_peak_memory
    from mmrec_host.runs.build import build
    from mmrec_host.training.optimizers import build_optimizer
    from mmrec_host.training.options import TrainingOptions
    from mmrec_host.training.trainer import Trainer

    config = load_config("PTMRec", "mini", overrides=told["keys"])
    dataset, loader, model = build(config)
    stage1, stage2 = model.phases(loader)
    stage2.begin(Trainer(model, TrainingOptions.from_config(config), dataset.splits.valid).fit([stage1]).best)
    optimizer = build_optimizer(stage2.learner, stage2.parameter_groups(), 0.0)
    model.train()
    resident = psutil.Process().memory_info().rss
    on_gpu = torch.device(config["device"]).type == "cuda"
    held = torch.cuda.memory_allocated() if on_gpu else 0
    reset_peak_memory()
    seconds, losses, batch = [], [], None
    for epoch in range(1, 1000):
        started = time.perf_counter()
        for batch in stage2.batches(epoch):
            optimizer.zero_grad(set_to_none=True)
            loss = torch.stack([part.reshape(()) for part in stage2.loss(batch).values()]).sum()
            loss.backward()
            optimizer.step()
            losses.append(loss.item())  # waits for the device
            seconds.append(time.perf_counter() - started)
            started = time.perf_counter()
            if len(seconds) > told["steps"]:
                break
        if len(seconds) > told["steps"]:
            break
    peaks = peak_memory()
    beside = peaks["peak_cuda_memory_mb"] * 2**20 - held if on_gpu else peaks["peak_memory_mb"] * 2**20 - resident
    return {
        "seconds": statistics.median(seconds[1:]),
        "losses": losses,
        "memory": beside,
        "items": len(batch.items),
        "parameters": stage2.tuner.handle.n_parameters(),
        **floor(stage2.tuner, batch.items),
    }


def floor(tuner: Any, items: Any) -> dict[str, float]:
    """The encoder's multiplications of one step, there and back, and their seconds at the rate of a plain product."""
    import torch
    from torch.utils.flop_counter import FlopCounterMode

    with FlopCounterMode(display=False) as counter:
        sum(z.square().sum() for z in tuner.live(items).values()).backward()
    device, width = tuner.options.device, getattr(tuner.encoder.towers["v"], "width", 768)
    kind = torch.bfloat16 if tuner.options.half else torch.float32
    a, b = (torch.randn(*size, device=device, dtype=kind) for size in ((50 * len(items), width), (width, 4 * width)))
    fastest = min(timed(lambda: (a @ b)[0, 0].item()) for _ in range(7))
    multiplications = counter.get_total_flops() // 2
    return {"multiplications": multiplications, "floor": multiplications / (a.shape[0] * b.numel() / fastest)}


def timed(run: Any) -> float:
    """Wall seconds."""
    started = time.perf_counter()
    run()
    return time.perf_counter() - started


def table(args: argparse.Namespace, kept: dict[str, Any]) -> str:
    """Markdown, a row a case."""
    lines = [
        f"{args.encoder}, {args.device}, {args.precision}, {args.pool} items a step, {args.threads} thread(s)",
        "",
        "| Variant | Trained | items/s whole | cached | ratio | ÷ floor | peak MB whole | cached | loss |",
        "| --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: |",
    ]
    for name in args.cases:
        cached, whole = (kept[key_of(args, name, way)] for way in WAYS)
        rates = [case["items"] / case["seconds"] for case in (whole, cached)]
        off = max(abs(a - b) / abs(b) for a, b in zip(cached["losses"], whole["losses"]))
        floor = f"{cached['seconds'] / cached['floor']:.1f}" if cached["floor"] else ""
        memory = " | ".join(f"{case['memory'] / 1e6:,.0f}" for case in (whole, cached))
        lines.append(
            f"| {name} | {cached['parameters']:,} | {rates[0]:,.1f} | {rates[1]:,.1f} | {rates[1] / rates[0]:.1f} | "
            f"{floor} | {memory} | {off:.0e} |"
        )
    return "\n".join(lines)


if __name__ == "__main__":
    main()
