"""The files that the documents give to `ptmrec prepare`, small and in their real formats."""

from __future__ import annotations

import csv
import gzip
import json
import shutil
import zipfile
from pathlib import Path

import numpy as np
from raw_dataset import N_ITEMS, N_USERS, write_dataset

AMAZON = {"sports": "Sports_and_Outdoors", "baby": "Baby"}


def sources_of(name: str) -> dict[str, object]:
    """Keys of the dataset's YAML file, with local files in place of the addresses."""
    category = AMAZON[name]
    files = {"source_reviews": f"reviews_{category}_5.json.gz", "source_metadata": f"meta_{category}.json.gz"}
    return {**files, "published_counts": []}


def write_sources(place: Path) -> None:
    """Amazon's files, a split of MMRec's with its maps, a shop's tables with pictures, and MovieLens's tables."""
    home = write_dataset(place / "made", "toy")
    rows = [line.split("\t") for line in (home / "toy.inter").read_text().splitlines()[1:]]
    rows.sort(key=lambda row: int(row[1]))
    items = [json.loads(line) for line in (home / "items.jsonl").read_text().splitlines()]
    for name in AMAZON:
        files = sources_of(name)
        review = {"overall": 5.0, "unixReviewTime": 1}
        reviews = [json.dumps({"reviewerID": f"U{user}", "asin": f"A{item}", **review}) for user, item, *_ in rows]
        metadata = [
            str({"asin": f"A{row['itemID']}", "title": row["title"], "description": row["text"]}) for row in items
        ]
        (place / str(files["source_reviews"])).write_bytes(gzip.compress("\n".join(reviews).encode()))
        (place / str(files["source_metadata"])).write_bytes(gzip.compress("\n".join(metadata).encode()))
    (place / "mmrec").mkdir()
    shutil.copy(home / "toy.inter", place / "mmrec/baby.inter")
    users, numbers = [f"U{u}\t{u}" for u in range(N_USERS)], [f"A{i}\t{i}" for i in range(N_ITEMS)]
    (place / "mmrec/u_id_mapping.csv").write_text("\n".join(["user_id\tuserID", *users]) + "\n")
    (place / "mmrec/i_id_mapping.csv").write_text("\n".join(["asin\titemID", *numbers]) + "\n")
    shutil.copytree(home / "images", place / "pictures")
    tables = {
        "orders.csv": [["user_id", "product_id"], *(row[:2] for row in rows)],
        "products.csv": [["product_id", "name", "text"], *(list(row.values())[:3] for row in items)],
        "ratings.csv": [["userId", "movieId", "rating", "timestamp"], *([u, i, 4.0, 1] for u, i, *_ in rows)],
        "movies.csv": [["movieId", "title", "genres"], *([row["itemID"], row["title"], "Drama"] for row in items)],
    }
    for name, table in tables.items():
        with (place / name).open("w", newline="") as file:
            csv.writer(file).writerows(table)
    (place / "shop_export").mkdir()
    shutil.copy(place / "orders.csv", place / "shop_export")
    np.save(place / "v.npy", np.arange(2.0 * N_ITEMS).reshape(N_ITEMS, 2))
    (place / "ids.txt").write_text("\n".join(str(row["itemID"]) for row in items) + "\n")
    (place / "downloads").mkdir()
    with zipfile.ZipFile(place / "downloads/ml-1m.zip", "w") as archive:
        ratings = "\n".join(f"{user}::{item}::4::{n}" for n, (user, item, *_) in enumerate(rows))
        archive.writestr("ml-1m/ratings.dat", ratings)
        archive.writestr("ml-1m/movies.dat", "\n".join(f"{row['itemID']}::{row['title']}::Drama" for row in items))
