"""A small raw dataset whose pictures and texts tell the clusters that users buy in."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image

from dataset_makers.mmrec_layout import inter_file, items_jsonl

COLOURS = [(220, 40, 40), (40, 200, 60), (40, 60, 220), (230, 220, 50)]
WORDS = ["red shoe for running", "green tent for camping", "blue lamp for reading", "yellow kettle for tea"]
N_USERS, N_ITEMS = 40, 48


def write_dataset(folder: Path, name: str = "toy", seed: int = 0) -> Path:
    """`<folder>/<name>` in MMRec's layout with images and texts; item i belongs to cluster i % 4, user u to u % 4."""
    rng = np.random.default_rng(seed)
    home = folder / name
    (home / "images").mkdir(parents=True)
    rows = []
    for user in range(N_USERS):
        own = [i for i in range(N_ITEMS) if i % 4 == user % 4]
        other = [i for i in range(N_ITEMS) if i % 4 != user % 4]
        taken = [*rng.permutation(own)[:8], *rng.permutation(other)[:2]]
        rows += [
            (user, item, 5.0, n, 0 if n < 6 else 1 if n == 6 else 2)
            for n, item in enumerate(rng.permutation(taken).tolist())
        ]
    (home / f"{name}.inter").write_bytes(inter_file(rows))
    for item in range(N_ITEMS):
        noise = rng.integers(-30, 30, (40, 40, 3))
        pixels = np.clip(np.array(COLOURS[item % 4]) + noise, 0, 255).astype(np.uint8)
        Image.fromarray(pixels).save(home / "images" / f"{item}.png")
    items = ({"title": f"item {item}", "text": f"{WORDS[item % 4]} number {item}"} for item in range(N_ITEMS))
    (home / "items.jsonl").write_bytes(items_jsonl(items))
    return home
