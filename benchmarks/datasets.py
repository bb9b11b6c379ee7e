"""Datasets in MMRec's layout, generated or somebody's own: `python datasets.py WORK NAME IMAGE TEXT [DATA]`."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np

SCALES = {  # users, items, interactions; the three of MMRec's README, and a small one to try the benchmark itself
    "tiny": (400, 300, 4_000),
    "baby": (19_445, 7_050, 160_792),
    "sports": (35_598, 18_357, 296_337),
    "elec": (192_403, 63_001, 1_689_188),
}
FIELDS = {"USER_ID_FIELD": "userID", "ITEM_ID_FIELD": "itemID", "inter_splitting_label": "x_label"}
FILES = {"vision_feature_file": "image_feat.npy", "text_feature_file": "text_feat.npy"}
LEAST = 5  # interactions of a user, as in the 5-core datasets
SKEW = 0.7  # an item's popularity is its rank to the power of minus this
N_CLUSTERS = 50


def prepare(work: Path, name: str, sizes: tuple[int, int], data: Path | None) -> Path:
    """Folder with `<name>.inter` and the two feature files; what is there from an earlier run is kept.

    Args:
        work: where generated data lie.
        name: a scale, or with `data` the dataset's name.
        sizes: dimensions of the image and text features.
        data: a dataset's folder, whose interactions are taken; features that it lacks are generated.
    """
    folder = work / "data" / f"{name}-{sizes[0]}-{sizes[1]}" / name
    folder.mkdir(parents=True, exist_ok=True)
    table = folder / f"{name}.inter"
    if not table.exists():
        if data is not None:
            table.symlink_to((data / table.name).resolve())
        else:
            _write(table, *generate(*SCALES[name]))
    n_items = int(np.loadtxt(table, np.int64, delimiter="\t", skiprows=1, usecols=1).max()) + 1
    for seed, (file, size) in enumerate(zip(FILES.values(), sizes)):
        path = folder / file
        if path.exists():
            continue
        if data is not None and (data / file).exists():
            path.symlink_to((data / file).resolve())
        else:
            np.save(path, features(n_items, size, seed))
    return folder


def generate(n_users: int, n_items: int, n_rows: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Users, items and split labels of distinct pairs, int64 [n_rows] each, sorted by user.

    Each user has at least 5 interactions, one of them for validation and one for test; each item at least one.
    """
    rng = np.random.default_rng(seed)
    extra = rng.multinomial(n_rows - LEAST * n_users, _shares(rng.permutation(n_users), 0.8))
    users = np.repeat(np.arange(n_users), LEAST + extra)
    popularity = _shares(rng.permutation(n_items), SKEW)
    edges = np.cumsum(popularity)
    items = np.searchsorted(edges, rng.random(n_rows) * edges[-1])
    held = rng.choice(n_rows, n_items, replace=False)  # a row for each item, so that none is missing
    items[held] = np.arange(n_items)
    fixed = np.zeros(n_rows, bool)
    fixed[held] = True
    while True:
        order = np.lexsort((~fixed, users * n_items + items))  # of equal pairs, the held one first
        keys = (users * n_items + items)[order]
        repeated = order[1:][keys[1:] == keys[:-1]]
        if len(repeated) == 0:
            break
        free = repeated[~fixed[repeated]]
        items[free] = np.searchsorted(edges, rng.random(len(free)) * edges[-1])
    counts = np.bincount(users)
    order = np.lexsort((rng.random(n_rows), users))
    place = np.arange(n_rows) - np.repeat(np.cumsum(counts) - counts, counts)
    held_out = np.maximum(1, np.round(0.1 * counts)).astype(np.int64)[users]
    labels = np.where(place < held_out, 1, np.where(place < 2 * held_out, 2, 0))
    return users, items[order], labels


def features(n_items: int, size: int, seed: int) -> np.ndarray:
    """float32 [n_items, size]: blurred clusters, so that neighbours are no accident of rounding."""
    rng = np.random.default_rng(seed)
    centres = rng.standard_normal((N_CLUSTERS, size), np.float32)
    table = rng.standard_normal((n_items, size), np.float32)
    table += centres[rng.integers(0, N_CLUSTERS, n_items)]
    return table


def _shares(ranks: np.ndarray, skew: float) -> np.ndarray:
    weights = (1.0 + ranks) ** -skew
    return weights / weights.sum()


def _write(path: Path, users: np.ndarray, items: np.ndarray, labels: np.ndarray) -> None:
    rows = np.stack([users, items, labels], axis=1)
    np.savetxt(path, rows, fmt="%d", delimiter="\t", header="userID\titemID\tx_label", comments="")


if __name__ == "__main__":
    root, name, image, text, *own = sys.argv[1:]
    print(prepare(Path(root), name, (int(image), int(text)), Path(own[0]) if own else None))
