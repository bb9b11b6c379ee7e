"""What makes a prepared dataset of little use, said at the top of its report, and what to run or mend then."""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from typing import Any

from .arguments import elsewhere
from .items import Item
from .options import AmazonFiles, PrepareOptions


def nothing_joined(item_ids: Sequence[str], items: Mapping[str, Item], options: PrepareOptions) -> list[str]:
    """That no item got a text although a table of items was given."""
    source = options.source
    described = isinstance(source, AmazonFiles) or source.items is not None
    if not described or any(items[item].text or items[item].title for item in item_ids if item in items):
        return []
    mend = "text_fields=[…]" if isinstance(source, AmazonFiles) else "--title COLUMN --text COLUMN,COLUMN"
    return [f"no item has a text, as no column of the items looks like one. Name them: {mend} (with --force)."]


def without_pictures(report: Mapping[str, Any], asked: Mapping[str, Any]) -> list[str]:
    """That no picture was found although a folder was given, or the items name some."""
    images = report.get("images")
    if images is None or images["ok"]:
        return []
    kinds = images["missing"]
    if asked.get("images"):
        names = "; ".join(kinds.get("none named", kinds.get("gone", {})).get("examples", []))
        return [
            f"no item has a picture: in the folder of --images no file is called like an item ({names}), at no depth, "
            "nor as the items name theirs. Files must be <item id>.jpg, or --image COLUMN must hold their names."
        ]
    return ["no item has a picture: none that the items name could be had."] if set(kinds) - {"none named"} else []


def next_command(report: Mapping[str, Any], name: str, data_path: str) -> str:
    """What to run on a dataset: the models that its texts and pictures are enough for."""
    pictures = report.get("images")
    n_pictures = report.get("items that name a picture", 1) if pictures is None else pictures["ok"]
    has = {"v": n_pictures > 0, "t": report.get("items with a text", 1) > 0}
    command = f"ptmrec -m {'PTMRec VBPR' if any(has.values()) else 'BPR LightGCN'} -d {shlex.quote(name)}"
    if report.get("features"):
        modalities = _flow(report["features"])
        return f"ptmrec -m VBPR -d {shlex.quote(name)}{elsewhere(data_path)} features=files modalities={modalities}"
    if any(has.values()) and not all(has.values()):
        command += f" modalities={_flow([modality for modality, there in has.items() if there])}"
    return command + elsewhere(data_path)


def _flow(names: Sequence[str]) -> str:
    return f"[{','.join(names)}]"
