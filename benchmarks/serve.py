"""How many requests `ptmrec serve` answers, and how long they wait, beside the bare top-k of one user.

    python benchmarks/serve.py                               # 18,000 items; half a minute
    python benchmarks/serve.py --items 1000000 --seconds 10

A small run is trained, and its vectors are replaced by random ones of the asked size. The service is a process of its
own on 127.0.0.1; clients in this process each ask `/recommend` for a random user, again as soon as they are answered.
Clients and service share the machine. Printed is, by the number of clients, requests a second, and the 50th and 99th
percentile of the time to the answer, and the service's CPU time for it; and these as multiples of the bare top-k: the
CPU time of one user's product with all items, without the items taken, and the best ten, measured just before. On a
machine that others use too, only the CPU time of a request tells something.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import random
import re
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import psutil
import torch
import torch.nn.functional as F
from safetensors import safe_open
from safetensors.torch import save_file

from mmrec_host.kernels import top_k
from mmrec_host.quick_start import quick_start
from run_tools.serve import VECTORS_FILE as FILE
from run_tools.serve.served_run import ServedRun

USERS, WIDTH, TAKEN, K = 35_000, 64, 8, 10
HERE = Path(__file__).parents[1]
SMALL = {"epochs": 1, "embedding_size": 8, "device": "cpu", "progress": False, "mini_users": 60, "mini_items": 120}
SMALL |= {"mini_purchases": [5, 10], "topk": [5], "valid_metric": "Recall@5"}


def make_run(folder: Path, n_items: int) -> Path:
    """A finished run that is served with random vectors of `n_items` items."""
    places = {f"{name}_path": str(folder / name) for name in ("data", "run", "cache")}
    run = quick_start("BPR", "mini", {**places, **SMALL}).record.path
    ServedRun(run, {})  # writes the file
    with safe_open(run / FILE, framework="pt") as opened:
        said = opened.metadata()
    generator = torch.Generator().manual_seed(0)
    users, items = (torch.randn(n, WIDTH, generator=generator) for n in (USERS, n_items))
    names = {"users": [], "items": [f"B{item:09d}" for item in range(n_items)]}
    names["titles"] = [f"the title of item {item}" for item in range(n_items)]
    tensors = {
        **{"users": users, "items": items, "unit": F.normalize(items, dim=1)},
        "taken_ends": torch.arange(USERS + 1) * TAKEN,
        "taken_items": torch.randint(n_items, (USERS * TAKEN,), generator=generator),
        "names": torch.frombuffer(bytearray(json.dumps(names).encode()), dtype=torch.uint8),
    }
    save_file(tensors, run / FILE, said)
    return run


def bare_top_k(run: Path, times: int) -> float:
    """CPU seconds of the product, the mask and the top-k of one user; the median."""
    with safe_open(run / FILE, framework="pt") as opened:
        users, items, taken = (opened.get_tensor(name) for name in ("users", "items", "taken_items"))
    seconds = []
    for user in range(times):
        begin = time.process_time()
        scores = users[user : user + 1] @ items.T
        scores[0, taken[user * TAKEN : (user + 1) * TAKEN]] = -1e10
        top_k(scores, K)
        seconds.append(time.process_time() - begin)
    return float(np.median(seconds))


async def client(port: int, end: float, seconds: list[float]) -> None:
    """Ask again and again over one connection until `end`."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    while (begin := time.perf_counter()) < end:
        path = f"/recommend?user={random.randrange(USERS)}&k={K}"
        writer.write(f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n".encode())
        head = await reader.readuntil(b"\r\n\r\n")
        length = re.search(rb"content-length: (\d+)", head)
        assert head.startswith(b"HTTP/1.1 200") and length, head
        await reader.readexactly(int(length[1]))
        seconds.append(time.perf_counter() - begin)
    writer.close()


async def load(port: int, clients: int, duration: float) -> list[float]:
    """Seconds of each answer to so many clients."""
    seconds: list[float] = []
    end = time.perf_counter() + duration
    await asyncio.gather(*(client(port, end, seconds) for _ in range(clients)))
    return seconds


def cpu_seconds(pid: int) -> float:
    """CPU seconds of a process and those that it started."""
    service = psutil.Process(pid)
    times = [process.cpu_times() for process in (service, *service.children(recursive=True))]
    return sum(each.user + each.system for each in times)


def measure(run: Path, args: argparse.Namespace) -> None:
    """Start the service, load it, and print the table."""
    bare = bare_top_k(run, args.times)
    print(f"{args.items:,} items, {args.workers} worker(s), bare top-k of one user: {1e3 * bare:.3f} ms")
    command = [sys.executable, str(HERE / "main.py"), "serve", "-q", "--run", str(run), "--port", "0"]
    begin = time.perf_counter()
    service = subprocess.Popen([*command, "--workers", str(args.workers)], stdout=subprocess.PIPE, text=True)
    try:
        assert service.stdout is not None
        port = int(re.search(r":(\d+)/", service.stdout.readline())[1])  # type: ignore[index]
        asyncio.run(load(port, 1, 1.0))
        print(f"first answers after {time.perf_counter() - begin - 1:.1f} s")
        print("| clients | requests/s | p50 ms | p99 ms | p50 / bare | p99 / bare | CPU ms | CPU / bare |")
        print(f"|{' ---: |' * 8}")
        for clients in args.clients:
            before = cpu_seconds(service.pid)
            seconds = asyncio.run(load(port, clients, args.seconds))
            cpu = (cpu_seconds(service.pid) - before) / len(seconds)
            p50, p99 = np.percentile(seconds, [50, 99])
            rate = len(seconds) / args.seconds
            values = (1e3 * p50, 1e3 * p99, p50 / bare, p99 / bare, 1e3 * cpu, cpu / bare)
            print(f"| {clients} | {rate:.0f} | {' | '.join(f'{value:.2f}' for value in values)} |")
    finally:
        service.terminate()
        service.wait(30)


def main() -> None:
    """Read the command line, and measure in a temporary folder."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--items", type=int, default=18_000)
    parser.add_argument("--clients", type=int, nargs="+", default=[1, 8, 64])
    parser.add_argument("--seconds", type=float, default=5.0, help="of load for each number of clients")
    parser.add_argument("--times", type=int, default=200, help="that the bare top-k is measured")
    parser.add_argument("--workers", type=int, default=1)
    args = parser.parse_args()
    torch.set_num_threads(int(os.environ.get("OMP_NUM_THREADS", torch.get_num_threads())))
    with tempfile.TemporaryDirectory() as folder:
        measure(make_run(Path(folder), args.items), args)


if __name__ == "__main__":
    main()
