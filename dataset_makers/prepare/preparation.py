"""From a source to a dataset folder: interactions, split, ids, items and images."""

from __future__ import annotations

import json
import logging
from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from feature_cache import ImageStore
from mmrec_host.config import Config
from mmrec_host.data.id_maps import ITEM_MAP, USER_MAP, id_map, read_id_map
from mmrec_host.data.interactions import read_interactions
from mmrec_host.errors import DataError

from ..mmrec_layout import ITEMS, inter_file, items_jsonl
from .dataset_files import intact, read_report, write_files, write_report
from .download import stamped
from .faults import Faults
from .images.fetch import Manners, gather_urls
from .images.files import gather_files
from .images.gathering import OK
from .interaction_log import InteractionLog, k_core, without_repeats
from .items import Item, item_rows
from .split_rules import split

log = logging.getLogger(__name__)


class Source(Protocol):
    """Where interactions and items come from.

    Attributes:
        raw_names: what the id maps call a user's and an item's raw id.
        expected: users, items and interactions that there must be, or nothing.
        images: the folder of image files that items name, or None.
    """

    raw_names: tuple[str, str]
    expected: list[int]
    images: Path | None

    def described(self) -> dict[str, Any]:
        """What the prepared data depend on, as JSON values."""

    def listing(self) -> str:
        """What else the items depend on, and may change: with another listing they are written anew."""

    def interactions(self, faults: Faults) -> InteractionLog:
        """All rows."""

    def items(self, wanted: Collection[str], faults: Faults) -> dict[str, Item]:
        """The wanted items by raw id."""


@dataclass(frozen=True)
class Selection:
    """Which interactions are kept, and which are held out.

    Attributes:
        k: every user and item has at least so many.
        rule, seed: of `split_rules`.
        adopted: an existing `.inter` file with id maps beside it; it goes before the others.
    """

    k: int
    rule: str
    seed: int
    adopted: Path | None

    def described(self) -> dict[str, Any]:
        """As JSON values; what the adopted split makes irrelevant is left out."""
        if self.adopted is not None:
            return {"split": stamped(str(self.adopted))}
        return {"k_core": self.k, "split_rule": self.rule, "seed": self.seed}


def prepare(
    folder: Path,
    config: Config,
    source: Source,
    selection: Selection,
    *,
    with_images: bool,
    force: bool,
    progress: bool,
) -> dict[str, Any]:
    """Make or complete the dataset in `folder`; the report, which stands there too.

    What is there already, made with the same options, is not made again; only images that are missing are gathered.

    Raises:
        UserError: whatever the user can mend; nothing is left half done, and the same call goes on.
    """
    options, listing = {**source.described(), **selection.described()}, source.listing()
    report = read_report(folder)
    if not intact(folder, report) or (report.get("options"), report.get("listing")) != (options, listing):
        _check_options(folder, report, options, force)
        report = _make(folder, config, source, selection, {"options": options, "listing": listing})
    if with_images:
        items = [json.loads(line) for line in (folder / ITEMS).read_bytes().splitlines()]
        report["images"] = _gather(folder, items, source.images, config["image_host"], progress)
        write_report(folder, report)
    return report


def _check_options(folder: Path, report: dict[str, Any], options: dict[str, Any], force: bool) -> None:
    """`DataError` if the dataset there was finished with other options and may not be replaced."""
    if force or not report.get("complete"):
        return
    made = report["options"]
    keys = [key for key in {**made, **options} if made.get(key) != options.get(key)]
    other = [f"{key}: {made.get(key)}, now {options.get(key)}" for key in keys]
    if other:
        raise DataError(
            f"{folder} was prepared with other options ({'; '.join(other)}). --force prepares it anew (images that are "
            "there are kept), another name or data_path=FOLDER keeps both."
        )


def _make(
    folder: Path, config: Config, source: Source, selection: Selection, made_of: dict[str, Any]
) -> dict[str, Any]:
    faults = Faults()
    name = folder.name
    files: dict[str, bytes] = {}
    read: int | None = None
    if selection.adopted is not None:
        files, item_ids, counts = _adopt(name, config, selection.adopted)
    else:
        everything = source.interactions(faults)
        read = len(everything)
        log.info("%s rows read; ids, %d-core and split", f"{read:,}", selection.k)
        kept = k_core(without_repeats(everything, faults), selection.k)
        labels = split(kept, selection.rule, selection.seed)
        item_ids = kept.item_ids
        counts = _counts(len(kept.user_ids), len(item_ids), labels)
        files = {
            f"{name}.inter": inter_file(kept.labelled(labels)),
            USER_MAP: id_map(kept.user_ids, source.raw_names[0], "userID"),
            ITEM_MAP: id_map(item_ids, source.raw_names[1], "itemID"),
        }
    _check_counts(counts, source.expected)
    log.info("texts of %s items", f"{len(item_ids):,}")
    items = source.items(frozenset(item_ids), faults)
    for item in item_ids:
        row = items.get(item)
        if row is None:
            faults.add("item that the items do not describe", item)
        elif not row.text:
            faults.add("item without a text", item)
    files[ITEMS] = items_jsonl(item_rows(item_ids, items))
    report = {
        **made_of,
        "columns": getattr(source, "columns", {}),
        "rows read": read,
        "counts": counts,
        "faults": faults.as_json(),
    }
    write_files(folder, files, report)
    return report


def _counts(n_users: int, n_items: int, labels: np.ndarray) -> dict[str, int]:
    train, valid, test = np.bincount(labels, minlength=3).tolist()
    return {
        **{"users": n_users, "items": n_items, "interactions": len(labels)},
        **{"train": train, "valid": valid, "test": test},
    }


def _adopt(name: str, config: Config, path: Path) -> tuple[dict[str, bytes], list[str], dict[str, int]]:
    """The files of an existing split, byte for byte, its raw item ids, and its counts."""
    if not path.is_file():
        raise DataError(f"--split {path}: there is no such file.")
    rows = read_interactions(path, config)
    item_map, user_map = path.with_name(ITEM_MAP), path.with_name(USER_MAP)
    item_ids = read_id_map(item_map, rows.n_items)
    files = {f"{name}.inter": path.read_bytes(), ITEM_MAP: item_map.read_bytes()}
    if user_map.is_file():
        read_id_map(user_map, rows.n_users)
        files[USER_MAP] = user_map.read_bytes()
    return files, item_ids, _counts(rows.n_users, rows.n_items, rows.labels)


def _check_counts(counts: dict[str, int], expected: Sequence[int]) -> None:
    found = [counts[key] for key in ("users", "items", "interactions")]
    if expected and found != list(expected):
        words = ("{:,} users, {:,} items, {:,} interactions".format(*numbers) for numbers in (found, expected))
        raise DataError(
            "{}, but published are {}: the source is another one, or options other than MMRec's were given. "
            "published_counts=[] takes it as it is.".format(*words)
        )


def _gather(
    folder: Path, items: list[dict[str, Any]], images: Path | None, host: str | None, progress: bool
) -> dict[str, Any]:
    """Gather what the items name; counts of outcomes, with examples of those that are not good."""
    sources = [item["image"] for item in items if item["image"]]
    urls = [source for source in sources if "://" in source]
    names = sorted({source for source in sources if "://" not in source})
    if names and images is not None:
        gather_files(folder, images, names, progress)
    gather_urls(folder, urls, Manners(), host, progress)
    outcomes = ImageStore(folder).outcomes()
    kinds: Counter[str] = Counter()
    faults = Faults()
    for item in items:
        outcome = outcomes.get(item["image"])
        kind = outcome.kind if outcome else "none named"
        kinds[kind] += 1
        if kind != OK:
            faults.add(
                kind, f"{item['source_id']}: {item['image']} ({outcome.detail})" if outcome else item["source_id"]
            )
    return {"ok": kinds[OK], "missing": faults.as_json()}
