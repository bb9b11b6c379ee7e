"""serving.safetensors in a run's folder: what answers are computed from, mapped into memory.

It is written when a run is first served, and again when the run or its data have changed. Processes that serve the
same run share its pages, and a service that is started again reads no checkpoint.
"""

from __future__ import annotations

import hashlib
import json
import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from filelock import FileLock
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor

from mmrec_host.data.id_maps import ITEM_MAP, USER_MAP
from mmrec_host.data.ragged import Ragged
from mmrec_host.evaluation.score_vectors import own_vectors
from mmrec_host.files import write_whole
from mmrec_host.runs.finished_run import FinishedRun

from ..catalogue import Catalogue, Names
from ..recommendation import catalogue_of, taken_items, vectors
from . import VECTORS_FILE as FILE

log = logging.getLogger(__name__)

FORMAT = "1"


@dataclass(frozen=True)
class ServedVectors:
    """What a run is served from.

    Attributes:
        users, items: vectors, float32 [n_users, d] and [n_items, d].
        unit: the items' vectors with length 1.
        taken: what each user took in training and validation.
        names: of users and items.
        exact: products of the vectors are the model's scores; else they are near them, and the model must be asked.
    """

    users: Tensor
    items: Tensor
    unit: Tensor
    taken: Ragged
    names: Catalogue
    exact: bool


def served_vectors(folder: Path, data: Path, opened: Callable[[], FinishedRun]) -> ServedVectors:
    """The vectors of the run in `folder`, from its file; that is written first where it does not fit.

    Args:
        data: the dataset's folder.
        opened: gives the run, if it is needed.

    Raises:
        DataError: the run cannot be opened, or its folder not be written into.
    """
    identity = _identity(folder, data)
    file = folder / FILE
    found = _read(file, identity)
    if found is not None:
        return found
    with FileLock(folder / f".{FILE}.lock"):  # other processes that serve it wait, and read what this one writes
        found = _read(file, identity)
        if found is None:
            log.info("%s: written, so that the next start is quick", file)
            write_whole(file, save(_tensors(run := opened()), {"identity": identity, "exact": _exact(run)}))
            found = _read(file, identity)
    assert found is not None
    return found


def _identity(folder: Path, data: Path) -> str:
    """Digest of the state of every file that the vectors and names come from."""
    files = [folder / name for name in ("run.json", "config.yaml", "checkpoint.pt")]
    files += [data / name for name in (f"{data.name}.inter", USER_MAP, ITEM_MAP, "items.jsonl")]
    states = [(file.name, (s := file.stat()).st_size, s.st_mtime_ns) for file in files if file.is_file()]
    return hashlib.sha256(f"{FORMAT} {states}".encode()).hexdigest()


def _exact(run: FinishedRun) -> str:
    return "yes" if own_vectors(run.model) is not None else "no"


def _tensors(run: FinishedRun) -> dict[str, Tensor]:
    users, items = (table.float().cpu().contiguous() for table in vectors(run))
    names, taken = catalogue_of(run), taken_items(run)
    called = {"users": list(names.users.originals), "items": list(names.items.originals), "titles": list(names.titles)}
    return {
        **{"users": users, "items": items, "unit": F.normalize(items, dim=1)},
        **{"taken_ends": torch.from_numpy(taken.indptr), "taken_items": torch.from_numpy(taken.values)},
        "names": torch.frombuffer(bytearray(json.dumps(called).encode()), dtype=torch.uint8),
    }


def _read(file: Path, identity: str) -> ServedVectors | None:
    """What the file holds; None if it is of something else, or damaged: then it is made anew."""
    try:
        with safe_open(file, framework="pt") as opened:  # the tensors are views of the mapped file
            said: Mapping[str, str] = opened.metadata() or {}
            if said.get("identity") != identity:
                return None
            tensors = {name: opened.get_tensor(name) for name in opened.keys()}  # noqa: SIM118 (no mapping)
        return _checked(tensors, said.get("exact") == "yes")
    except FileNotFoundError:
        return None
    except (OSError, SafetensorError, ValueError, KeyError, TypeError, RecursionError) as error:
        log.warning("%s: cannot be read (%s), and is made anew", file, error)
        return None


def _checked(tensors: Mapping[str, Tensor], exact: bool) -> ServedVectors:
    """`ValueError` or `KeyError` for what no run has written: the file may come from others."""
    users, items, unit = (tensors[name] for name in ("users", "items", "unit"))
    tables = (users, items, unit)
    if any(table.ndim != 2 or table.dtype != torch.float32 or 0 in table.shape for table in tables):
        raise ValueError("its vectors are none")
    if unit.shape != items.shape or users.shape[1] != items.shape[1]:
        raise ValueError("its vectors do not fit each other")
    ends, values = tensors["taken_ends"].numpy(), tensors["taken_items"].numpy()
    if not ends.dtype == values.dtype == np.int64 or ends.shape != (len(users) + 1,) or values.ndim != 1:
        raise ValueError("its rows of taken items are none")
    in_range = len(values) == 0 or (values.min() >= 0 and values.max() < len(items))
    if ends[0] != 0 or ends[-1] != len(values) or (np.diff(ends) < 0).any() or not in_range:
        raise ValueError("its rows of taken items are no items")
    names: dict[str, Any] = json.loads(tensors["names"].numpy().tobytes())
    for key, lengths in {"users": (0, len(users)), "items": (0, len(items)), "titles": (len(items),)}.items():
        if not isinstance(names[key], list) or len(names[key]) not in lengths:
            raise ValueError(f"its names of {key} are none")
        if not all(isinstance(name, str) for name in names[key]):
            raise ValueError(f"its names of {key} are no texts")
    catalogue = Catalogue(
        Names("user", len(users), names["users"]), Names("item", len(items), names["items"]), names["titles"]
    )
    return ServedVectors(users, items, unit, Ragged(ends, values), catalogue, exact)
