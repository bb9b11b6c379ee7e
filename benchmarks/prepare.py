"""`ptmrec prepare sports` at real scale: made-up files in the published formats, an image server with faults, a kill.

python benchmarks/prepare.py [--folder FOLDER] [--reviews N] [--items N]
"""

from __future__ import annotations

import argparse
import gzip
import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

import numpy as np
from image_server import kind_of

from feature_cache import ImageStore

ROOT = Path(__file__).parents[1]
WORDS = "durable light camping rope handle steel frame fits well great sturdy nylon bag water proof bike strap".split()
MAIN = "import sys; from mmrec_host.cli.main import main; sys.exit(main(sys.argv[1:]))"


def write_files(folder: Path, n_reviews: int, n_items: int, address: str) -> list[str]:
    """Reviews and metadata; the metadata describe ten times the items, as a category does. The keys that name them."""
    rng, words = np.random.default_rng(0), random.Random(0)
    n_users = n_reviews // 8
    popularity = 1 / np.arange(1, n_items + 1) ** 0.6
    popular = rng.choice(n_items, n_reviews, p=popularity / popularity.sum())
    items = np.concatenate([np.repeat(np.arange(n_items), 6), popular])
    rows = np.unique(np.stack([items, rng.integers(0, n_users, len(items))], 1), axis=0)
    rows = rows[np.sort(rng.choice(len(rows), n_reviews, replace=False))]
    with gzip.open(folder / "reviews.json.gz", "wt", compresslevel=1) as file:
        for item, user in rows.tolist():
            review = {"reviewerID": f"A{user:013}", "asin": f"B{item:09}", "reviewerName": "somebody"}
            review |= {"helpful": [0, 0], "reviewText": " ".join(words.choices(WORDS, k=80)), "summary": "Good"}
            review |= {"overall": float(words.randint(1, 5)), "unixReviewTime": words.randint(10**9, 14 * 10**8)}
            file.write(json.dumps(review) + "\n")
    with gzip.open(folder / "meta.json.gz", "wt", compresslevel=1) as file:
        for item in range(10 * n_items):
            row = {"asin": f"B{item:09}", "title": f"It's item {item}", "price": 9.99, "brand": "Brand"}
            row |= {"imUrl": f"{address}/{item}.jpg", "categories": [["Sports & Outdoors", "Camping"]]}
            row |= {"related": {"also_bought": [f"B{words.randrange(n_items):09}" for _ in range(30)]}}
            row |= {"description": " ".join(words.choices(WORDS, k=60))}
            file.write("{'asin': broken\n" if item % 5000 == 4999 else f"{row}\n")
    return [f"source_reviews={folder / 'reviews.json.gz'}", f"source_metadata={folder / 'meta.json.gz'}"]


def run(folder: Path, words: list[str], kill_at: int | None = None) -> tuple[float, float, str]:
    """Seconds, peak GiB and output of a run; killed as soon as it has so many outcomes."""
    log = folder / "out.txt"
    began = time.monotonic()
    with log.open("w") as file:
        process = subprocess.Popen([sys.executable, "-c", MAIN, "prepare", "sports", *words], stdout=file, cwd=ROOT)
        if kill_at is not None:
            while process.poll() is None and n_outcomes(folder / "sports") < kill_at:
                time.sleep(0.1)
            process.send_signal(signal.SIGKILL)
        _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if kill_at is None and process.returncode:
        raise SystemExit(f"ptmrec prepare ended with {process.returncode}")
    return time.monotonic() - began, usage.ru_maxrss / 2**20, log.read_text()


def n_outcomes(home: Path) -> int:
    return len(ImageStore(home).outcomes())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--folder", type=Path, help="where the files go, and stay; default: a temporary folder")
    parser.add_argument("--reviews", type=int, default=300_000)
    parser.add_argument("--items", type=int, default=18_000)
    parser.add_argument("--no-images", action="store_true", help="only ids, split and texts")
    args = parser.parse_args()
    server = subprocess.Popen(
        [sys.executable, str(Path(__file__).with_name("image_server.py"))], stdout=subprocess.PIPE
    )
    try:
        with tempfile.TemporaryDirectory() as temporary:
            folder = args.folder or Path(temporary)
            folder.mkdir(parents=True, exist_ok=True)
            measure(folder, args, f"http://127.0.0.1:{int(server.stdout.readline())}")
    finally:
        server.kill()
        server.wait()


def measure(folder: Path, args: argparse.Namespace, address: str) -> None:
    words = [*write_files(folder, args.reviews, args.items, address), "published_counts=[]", f"data_path={folder}"]
    words.append("--allow-private-hosts")
    sizes = {path.name: f"{path.stat().st_size / 1e6:,.0f} MB" for path in sorted(folder.glob("*.gz"))}
    print(f"made up {args.reviews:,} reviews, {args.items:,} items: {sizes}")
    images = [("images, killed", [], args.items // 2), ("images, the rest", [], None), ("again", [], None)]
    for label, extra, kill_at in [("tables", ["--no-images"], None), *([] if args.no_images else images)]:
        before = n_outcomes(folder / "sports") if (folder / "sports").is_dir() else 0
        seconds, gib, said = run(folder, [*words, *extra], kill_at)
        new = n_outcomes(folder / "sports") - before
        print(f"{label:17} {seconds:7.1f} s  {gib:5.2f} GiB peak  {new:6,} new outcomes")
    print(said)
    expected = Counter(kind_of(int(url.rpartition("/")[2][:-4])) for url in ImageStore(folder / "sports").outcomes())
    print("the server's behaviour, for comparison:", dict(expected))


if __name__ == "__main__":
    main()
