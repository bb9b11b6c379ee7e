"""From a source to a dataset folder: interactions, split, ids, items and images."""

from __future__ import annotations

import json
import logging
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from mmrec_host.config import Config
from mmrec_host.data.id_maps import ITEM_MAP, USER_MAP, id_map, read_id_map
from mmrec_host.data.interactions import read_interactions
from mmrec_host.errors import DataError

from ..mmrec_layout import ITEMS, NEW_ITEMS, inter_file, items_jsonl
from .amazon import AmazonSource
from .dataset_files import intact, read_report, write_files, write_report
from .download import fetched
from .faults import Faults
from .feature_rows import features_in_order
from .images.of_items import gather_images, is_file_name
from .interaction_log import InteractionLog, k_core, without_repeats
from .interactions_table import none_left
from .items import item_rows
from .options import Described, OwnTables, PrepareOptions
from .own_data import OwnSource
from .source import Source
from .split_rules import require_all_parts, split, with_validation
from .warnings import nothing_joined

log = logging.getLogger(__name__)

RANDOM_RULES = ("mmrec", "ratio", "leave-one-out")
RANDOM_ALTHOUGH_TIMES = (
    "The split is random by user, as MMRec's; the times that were read do not matter to it. To test on what came last, "
    "as a shop would: --split-rule last."
)


def prepare(options: PrepareOptions) -> dict[str, Any]:
    """Make or complete the dataset in the options' folder; the report, which stands there too.

    What is there already, made with the same options, is not made again; only images that are missing are gathered.

    Raises:
        UserError: whatever the user can mend; nothing is left half done, and the same call goes on.
    """
    folder, source = options.folder, _source(options)
    described, listing = options.described(), source.listing()
    report = read_report(folder)
    if not intact(folder, report) or (report.get("options"), report.get("listing")) != (described, listing):
        _check_options(folder, report, described, options.force)
        report = _make(options, source, {"options": described, "listing": listing})
    if options.with_images:
        items = _rows(folder / ITEMS)
        if NEW_ITEMS in report["files"]:  # their files alone: addresses may be many, and nobody has asked yet
            items += [row for row in _rows(folder / NEW_ITEMS) if row["image"] and is_file_name(row["image"])]
        report["images"] = gather_images(
            folder, items, source.images, options.image_host, options.reach, options.progress
        )
        write_report(folder, report)
    return report


def _rows(file: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in file.read_bytes().splitlines()]


def _source(options: PrepareOptions) -> Source:
    downloads = options.folder / "downloads"
    if isinstance(options.source, OwnTables):
        return OwnSource(options.source, lambda name: fetched(name, downloads, options.reach, options.progress))
    return AmazonSource(options.source, downloads, options.reach, options.progress)


def _check_options(folder: Path, report: dict[str, Any], described: Described, force: bool) -> None:
    """`DataError` if the dataset there was finished with other options and may not be replaced."""
    if force or not report.get("complete"):
        return
    made = report["options"]
    keys = [key for key in {**made, **described} if made.get(key) != described.get(key)]
    other = [f"{key}: {made.get(key)}, now {described.get(key)}" for key in keys]
    if other:
        raise DataError(
            f"{folder} was prepared with other options ({'; '.join(other)}). --force prepares it anew (images that are "
            "there are kept), another name or data_path=FOLDER keeps both."
        )


def _make(options: PrepareOptions, source: Source, made_of: dict[str, Any]) -> dict[str, Any]:
    """Write all files but the images; the report."""
    faults = Faults()
    selection, name = options.selection, options.folder.name
    files: dict[str, bytes] = {}
    read: int | None = None
    notes: list[str] = []
    warnings: list[str] = []
    if selection.adopted is not None:
        files, item_ids, counts = _adopt(name, options.config, selection.adopted)
    else:
        kept, labels, read = _rows_and_split(options, source, faults, notes)
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
        if row is None and source.describes:
            faults.add("item that the items do not describe", item)
        elif row is not None and not row.text:
            faults.add("item without a text", item)
    files[ITEMS] = items_jsonl(item_rows(item_ids, items))
    notes += source.notes
    warnings += nothing_joined(item_ids, items, options)
    features, brought = features_in_order(options.features, item_ids, faults)
    files |= features
    notes += brought
    new = source.new_items()
    if new:
        files[NEW_ITEMS] = items_jsonl(item_rows(list(new), new))
        faults.add(f"described item that no kept interaction has (in {NEW_ITEMS})", next(iter(new)), len(new))
    report = {
        **made_of,
        "warnings": warnings,
        "notes": notes,
        "features": list(options.features.files),
        "items with a text": sum(bool(items[item].text or items[item].title) for item in item_ids if item in items),
        "items that name a picture": sum(bool(items[item].image) for item in item_ids if item in items),
        "columns": source.columns,
        "rows read": read,
        "counts": counts,
        "faults": faults.as_json(),
    }
    write_files(options.folder, files, report)
    return report


def _rows_and_split(
    options: PrepareOptions, source: Source, faults: Faults, notes: list[str]
) -> tuple[InteractionLog, np.ndarray, int]:
    """The rows that are kept, their labels, int8 [n_rows], and how many the source has."""
    everything, selection = source.interactions(faults), options.selection
    if not len(everything):
        raise none_left(everything, faults)
    log.info("%s rows read; ids, core and split", f"{everything.n_read:,}")
    kept = k_core(without_repeats(everything, faults), selection.k, selection.k_items)
    if kept.labels is None:
        if kept.ordered and selection.rule.name in RANDOM_RULES and isinstance(options.source, OwnTables):
            notes.append(RANDOM_ALTHOUGH_TIMES)
        return kept, split(kept, selection.rule), everything.n_read
    labels, said = kept.labels, "The split is the source's own."
    if not (labels == 1).any():
        labels = with_validation(kept, labels, selection.rule.seed)
        said += " It has no validation: a tenth of each user's training rows, at random, is for that now."
    require_all_parts(labels)
    notes.append(said)
    return kept, labels, everything.n_read


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
    if not item_map.is_file():
        raise DataError(
            f"--split {path}: {ITEM_MAP} does not lie beside it, so nobody knows which item a number is. "
            f"--interactions {path} --label {config['inter_splitting_label']} takes the same split, with its numbers "
            "as raw ids; or put the file into a dataset folder by hand, with features=files."
        )
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
