"""The dataset maker `prepare`: says how a dataset that is not there is prepared, and what that costs."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from mmrec_host.data.dataset import MAKERS
from mmrec_host.errors import DataError

from .arguments import elsewhere
from .images.gathering import TYPICAL_IMAGE

IMAGES_A_SECOND = 20  # that a public server gives to a polite client, about


@MAKERS.register("prepare")
def require_prepared(folder: Path, config: Mapping[str, Any]) -> None:
    """Check that the dataset is there.

    Raises:
        DataError: it is not; the message has the command that makes it, and the estimated cost.
    """
    name = folder.name
    if (folder / (config["inter_file_name"] or f"{name}.inter")).is_file():
        return
    downloads = sum(config["source_megabytes"])
    raise DataError(
        f"dataset {name!r} is not in {folder}. This makes it:\n"
        f"  ptmrec prepare {name}{elsewhere(config['data_path'])}\n"
        f"It downloads about {downloads:,.0f} MB of reviews and metadata, and the images from the addresses in them"
        f"{_cost_of_images(config['published_counts'], downloads)}. Local files can stand in for the downloads "
        "(source_reviews=FILE source_metadata=FILE), and --split FILE takes a split of MMRec's over. If you have the "
        "dataset elsewhere, say data_path=FOLDER."
    )


def _cost_of_images(counts: list[int], downloads: float) -> str:
    if len(counts) != 3:  # nothing is known
        return ""
    images, minutes = counts[1] * TYPICAL_IMAGE / 1e6, counts[1] / IMAGES_A_SECOND / 60
    return (
        f": {counts[1]:,}, about {images:,.0f} MB in all. On disk expect about {downloads + 2 * images:,.0f} MB with "
        f"the feature cache, for images {minutes:.0f} minutes at {IMAGES_A_SECOND} a second"
    )
