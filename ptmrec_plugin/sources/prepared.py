"""The dataset maker `prepare`: says how a dataset that is not there is prepared, and what that costs."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from mmrec_host.data.dataset import MAKERS
from mmrec_host.errors import DataError

from .gathering import TYPICAL_IMAGE

IMAGES_A_SECOND = 20  # that a public server gives to a polite client, about


@MAKERS.register("prepare")
def require_prepared(folder: Path, config: Mapping[str, Any]) -> None:
    """Nothing, if the dataset is there.

    Raises:
        DataError: it is not; the message has the command and its estimated cost.
    """
    name = folder.name
    if (folder / (config["inter_file_name"] or f"{name}.inter")).is_file():
        return
    reviews, metadata = config["source_megabytes"]
    n_items = config["published_counts"][1]
    images, minutes = n_items * TYPICAL_IMAGE / 1e6, n_items / IMAGES_A_SECOND / 60
    elsewhere = "" if config["data_path"] == "data" else f" data_path={config['data_path']}"
    raise DataError(
        f"dataset {name!r} is not in {folder}. This makes it:\n"
        f"  ptmrec prepare {name}{elsewhere}\n"
        f"It downloads about {reviews + metadata:,.0f} MB of reviews and metadata and, from the addresses in them, "
        f"{n_items:,} images of about {images:,.0f} MB in all; on disk about "
        f"{reviews + metadata + 2 * images:,.0f} MB with the feature cache. Expect {minutes:.0f} minutes for images "
        f"at {IMAGES_A_SECOND} a second, and the time of the downloads. Local files can stand in for them "
        "(source_reviews=FILE source_metadata=FILE), and --split FILE takes a split of MMRec's over. If you have the "
        "dataset elsewhere, say data_path=FOLDER."
    )
