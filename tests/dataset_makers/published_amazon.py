"""Made-up files in the shapes in which Amazon's data sets are published, and how published files are written."""

from __future__ import annotations

import gzip
import json
import zipfile
from datetime import datetime, timezone
from pathlib import Path

from public_shapes import N_ITEMS, pairs

ITEMS = range(N_ITEMS)


def iso(seconds: int, form: str = "%Y-%m-%d %H:%M:%S") -> str:
    return datetime.fromtimestamp(seconds, timezone.utc).strftime(form)


def put(path: str, lines: list[str], encoding: str = "utf-8") -> None:
    """A file of lines, gzipped if it is called so, or within a zip archive that the path leads through."""
    data = ("\n".join(lines) + "\n").encode(encoding)
    archive, zipped, member = path.partition(".zip/")
    Path(path if not zipped else archive).parent.mkdir(parents=True, exist_ok=True)
    if zipped:
        with zipfile.ZipFile(archive + ".zip", "a") as file:
            file.writestr(member, data)
    else:
        Path(path).write_bytes(gzip.compress(data) if path.endswith(".gz") else data)


def amazon_2014() -> None:
    put(
        "reviews_Toys_and_Games_5.json.gz",
        [
            json.dumps(
                {
                    "reviewerID": f"A{u}",
                    "asin": f"{i:010}",
                    "reviewerName": "X",
                    "helpful": [0, 0],
                    "reviewText": "ok",
                    "overall": float(r),
                    "summary": "s",
                    "unixReviewTime": t,
                    "reviewTime": iso(t, "%m %d, %Y"),
                }
            )
            for u, i, r, t in pairs()
        ],
    )
    put(
        "meta_Toys_and_Games.json.gz",
        [
            str(
                {
                    "asin": f"{n:010}",
                    "title": f"It's {n}",
                    "categories": [["Toys & Games", "Puzzles"]],
                    "price": 9.99,
                    "imUrl": f"http://ecx.images-amazon.com/images/I/{n}.jpg",
                    "related": {"also_bought": ["x"]},
                }
            )
            for n in ITEMS
        ],
    )


def amazon_2018() -> None:
    put(
        "Software_5.json.gz",
        [
            json.dumps(
                {
                    "overall": float(r),
                    "verified": True,
                    "reviewTime": iso(t, "%m %d, %Y"),
                    "reviewerID": f"A{u}",
                    "asin": f"B{i:09}",
                    "style": {"Format:": " Hardcover"},
                    "unixReviewTime": t,
                }
            )
            for u, i, r, t in pairs()
        ],
    )
    put(
        "meta_Software.json.gz",
        [
            json.dumps(
                {
                    "category": ["Software", "Music"],
                    "description": ["<p>Soft</p>", "more &amp; more"],
                    "title": f"T{n}",
                    "brand": "B",
                    "asin": f"B{n:09}",
                    "price": "$9.99",
                    "also_buy": [],
                    "imageURL": [f"https://images-na.example/{n}._SS40_.jpg"],
                    "imageURLHighRes": [f"https://images-na.example/{n}.jpg"],
                }
            )
            for n in ITEMS
        ],
    )


def amazon_2023_meta() -> list[str]:
    return [
        json.dumps(
            {
                "main_category": "All Beauty",
                "title": f"T{n}",
                "average_rating": 4.8,
                "features": ["a", "b"],
                "description": [],
                "price": None,
                "images": [
                    {
                        "thumb": "https://m.example/t.jpg",
                        "large": "https://m.example/l.jpg",
                        "variant": "MAIN",
                        "hi_res": None,
                    }
                ],
                "videos": [],
                "categories": ["Beauty"],
                "details": {"Brand": "X"},
                "parent_asin": f"B0P{n:07}",
            }
        )
        for n in ITEMS
    ]


def amazon_2023() -> None:
    put(
        "All_Beauty.jsonl.gz",
        [
            json.dumps(
                {
                    "rating": float(r),
                    "title": "x",
                    "text": "y<br />",
                    "images": [],
                    "asin": f"B0V{i:07}" if i % 2 else f"B0P{i:07}",
                    "parent_asin": f"B0P{i:07}",
                    "user_id": f"AE{u}",
                    "timestamp": 1000 * t,
                    "helpful_vote": 0,
                }
            )
            for u, i, r, t in pairs()
        ],
    )
    put("meta_All_Beauty.jsonl.gz", amazon_2023_meta())


def amazon_2023_5core() -> None:
    for part, places in {"train": range(6), "valid": [6], "test": [7]}.items():
        rows = [f"AE{u},B0P{i:07},{r}.0,{1000 * t}" for n, (u, i, r, t) in enumerate(pairs()) if n % 8 in places]
        put(f"All_Beauty.{part}.csv.gz", ["user_id,parent_asin,rating,timestamp", *rows])
    put("meta_All_Beauty.jsonl.gz", amazon_2023_meta())
