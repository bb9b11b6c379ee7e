"""The images that the items of a dataset name, from wherever they are."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from feature_cache import ImageStore

from ..faults import Faults
from ..web import Reach
from .data_uris import gather_data_uris
from .fetch import Manners, gather_urls
from .files import gather_files
from .gathering import OK


def is_file_name(source: str) -> bool:
    """Whether a picture is a file, and neither an address nor a data: URI."""
    return "://" not in source and not source.startswith("data:")


def gather_images(
    home: Path,
    items: Sequence[Mapping[str, Any]],
    images: Path | None,
    host: str | None,
    reach: Reach,
    progress: bool,
) -> dict[str, Any]:
    """Gather what the items name and the dataset folder `home` has not got; what became of it, for the report.

    Args:
        items: objects of `items.jsonl`, whose "image" is an address, a file name or empty.
        images: the folder of files that are named, or None.
        host: the server that is asked in place of the one in each address, or None.
        reach: which servers may be asked.

    Raises:
        DataError: the disk is nearly full.
    """
    sources = [item["image"] for item in items if item["image"]]
    uris = [source for source in sources if source.startswith("data:")]
    if uris:
        gather_data_uris(home, uris, progress)
    names = sorted({source for source in sources if is_file_name(source)})
    if names and images is not None:
        gather_files(home, images, names, progress)
    gather_urls(home, (source for source in sources if "://" in source), Manners(), host, reach, progress)
    outcomes = ImageStore(home).outcomes()
    kinds: Counter[str] = Counter()
    faults = Faults()
    for item in items:
        outcome = outcomes.get(item["image"])
        kind = outcome.kind if outcome else "none named"
        kinds[kind] += 1
        if kind != OK:
            example = f"{item['source_id']}: {item['image'][:80]} ({outcome.detail})" if outcome else item["source_id"]
            faults.add(kind, example)
    return {"ok": kinds[OK], "missing": faults.as_json()}
