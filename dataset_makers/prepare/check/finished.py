"""A dataset folder in MMRec's layout, read by what reads it before every run."""

from __future__ import annotations

import shlex
from collections import Counter
from pathlib import Path

import numpy as np

from feature_cache import CacheError, ImageStore
from feature_cache.raw_folder import BrokenImageError, read_image, read_texts, scan_folder
from mmrec_host.config import Config, load_config
from mmrec_host.data.array_files import read_array
from mmrec_host.data.dataset import Dataset, load_dataset
from mmrec_host.data.features import load_features
from mmrec_host.data.id_maps import ITEM_MAP, USER_MAP, read_id_map
from mmrec_host.errors import UserError

from ..arguments import elsewhere
from .finding import Finding

MOST_DECODED = 2000  # image files that are looked into
SHOWN = 3  # examples of each fault


def inter_file(folder: Path) -> Path | None:
    """The `.inter` file with a split by which a folder is a dataset; None if it is none."""
    own = folder / f"{folder.resolve().name}.inter"
    found = [own] if own.is_file() else sorted(folder.glob("*.inter"))
    for path in found:
        with path.open(encoding="utf-8", errors="replace") as file:
            if "x_label" in file.readline():
                return path
    return None


def check_dataset(folder: Path, inter: Path) -> Finding:
    """What a dataset has and lacks, and the models that can run on it."""
    home = folder.resolve()
    finding = Finding(f"{folder}: a dataset in MMRec's layout ({inter.name})")
    named = {} if inter.stem == home.name else {"inter_file_name": inter.name}
    keys = {"data_path": str(home.parent), "device": "cpu", **named}
    try:
        config = load_config("VBPR", home.name, overrides=keys)
        dataset = load_dataset(config)
    except UserError as error:
        finding.wrong.append(str(error))
        return finding
    counts = dataset.counts()
    finding.holds.append(", ".join(f"{n:,} {name}" for name, n in counts.items()))
    _check_maps(folder, dataset, finding)
    features = _features(config, dataset, finding)
    content = _content(folder, counts["items"], finding)
    end = f" -d {shlex.quote(home.name)}{elsewhere(str(folder.parent))}"
    end += "".join(f" {key}={value}" for key, value in named.items())
    if content:
        modalities = "" if len(content) == 2 else f" modalities=[{content[0]}]"
        finding.runs.append(f"ptmrec -m PTMRec VBPR FREEDOM{end}{modalities}")
    if features:
        modalities = "" if len(features) == 2 else f" modalities=[{features[0]}]"
        finding.runs.append(f"ptmrec -m VBPR FREEDOM{end} features=files{modalities}")
    finding.runs.append(f"ptmrec -m BPR LightGCN ItemKNN{end}")
    return finding


def _check_maps(folder: Path, dataset: Dataset, finding: Finding) -> None:
    rows = dataset.interactions
    for name, n in ((USER_MAP, rows.n_users), (ITEM_MAP, rows.n_items)):
        if not (folder / name).is_file():
            finding.wrong.append(f"{name} is not there: nobody knows the raw ids, so `ptmrec recommend` shows numbers.")
            continue
        try:
            read_id_map(folder / name, n, exact=False)
        except UserError as error:
            finding.wrong.append(str(error))
    counts = np.bincount(rows.items[rows.labels == 0], minlength=rows.n_items)
    if unseen := int((counts == 0).sum()):
        finding.holds.append(f"{unseen:,} items have no training rows: only their content can rank them")


def _features(config: Config, dataset: Dataset, finding: Finding) -> list[str]:
    """The modalities whose ready-made features can be used."""
    usable = []
    for modality, key in (("v", "vision_feature_file"), ("t", "text_feature_file")):
        path = dataset.folder / config[key]
        if not path.is_file():
            continue
        try:
            load_features(
                config.replaced(features="files", modalities=[modality]), dataset.folder, dataset.interactions.n_items
            )
        except UserError as error:
            finding.wrong.append(str(error))
        else:
            shape = " x ".join(map(str, read_array(path).shape))
            finding.holds.append(f"{path.name}: {shape}; whether row i is item i cannot be seen from it")
            usable.append(modality)
    return usable


def _content(folder: Path, n_items: int, finding: Finding) -> list[str]:
    """The modalities that can be encoded: some items have pictures, some have texts."""
    try:
        raw = scan_folder(folder, n_items)
        texts = read_texts(folder / "items.jsonl", n_items)
    except CacheError as error:
        finding.wrong.append(str(error).split(" Expected:")[0])
        return []
    stored = {source for source, outcome in ImageStore(folder).outcomes().items() if outcome.kind == "ok"}
    gathered = {item for item, text in texts.items() if text.image in stored}
    pictures = len(gathered | raw.images.keys())
    written = [text.text or text.title for text in texts.values() if text.text or text.title]
    finding.holds.append(f"pictures of {pictures:,} items, texts of {len(written):,}, of {n_items:,}")
    for what, n in (("picture", pictures), ("text", len(written))):
        if 0 < n < n_items:
            finding.wrong.append(f"{n_items - n:,} items have no {what}; a neutral one stands in.")
    alike = sum(n for n in Counter(written).values() if n > 1)
    if alike:
        finding.wrong.append(f"{alike:,} items share their text with another, so their text features are the same.")
    broken = []
    for path in list(raw.images.values())[:MOST_DECODED]:
        try:
            read_image(path)
        except BrokenImageError as error:
            broken.append(f"{path.name} ({error})")
    if broken:
        finding.wrong.append(f"{len(broken):,} images cannot be read: {'; '.join(broken[:SHOWN])}.")
    if raw.unused:
        some = ", ".join(raw.unused[:SHOWN])
        finding.wrong.append(f"{len(raw.unused):,} files in images/ are called like no item: {some}.")
    return [modality for modality, n in (("v", pictures), ("t", len(written))) if n]
