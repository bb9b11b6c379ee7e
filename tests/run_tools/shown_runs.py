"""Two finished PTMRec runs on a small dataset with hostile titles, categories and missing pictures; and their page."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from mmrec_host.quick_start import quick_start

HOSTILE = '<script>alert(1)</script> & "quotes" </svg><img src=x onerror=alert(2)> \u202e\x07'
GENRES = ["Red & <b>bold</b>", "Green", "Blue", "Yellow"]
WITHOUT_PICTURE = [5, 6]


def make_hostile(folder: Path) -> None:
    """Give the toy dataset hostile titles, a genre for each cluster, one for all, and two missing pictures."""
    file = folder / "items.jsonl"
    lines = [json.loads(line) for line in file.read_text().splitlines()]
    for line in lines:
        item = line["itemID"]
        line |= {"title": f"{HOSTILE} {item}", "genres": [["All", GENRES[item % 4]]], "shelf": item % 2}
        line |= {"<i>finish": ["matt", "gloss"][item % 2], "code": f"c{item}", "maker": "one for all"}
    file.write_text("".join(json.dumps(line) + "\n" for line in lines))
    for item in WITHOUT_PICTURE:
        (folder / "images" / f"{item}.png").unlink()


def train_pair(keys: dict[str, Any]) -> tuple[Path, Path]:
    """Folders of a frozen run and one that ends in tuned features."""
    quick = {**keys, "base": "Content", "joint_epochs": 2, "pool_size": 16, "tuning_learning_rate": 0.01}
    frozen, tuned = (quick_start("PTMRec", "toy", {**quick, "mode": mode}) for mode in ("frozen", "joint"))
    return frozen.record.path, tuned.record.path
