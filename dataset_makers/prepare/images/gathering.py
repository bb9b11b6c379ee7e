"""Putting images into the dataset's image store: in batches, with a progress bar, before the disk is full."""

from __future__ import annotations

import random
from collections import Counter
from pathlib import Path
from types import TracebackType

from feature_cache import BrokenImageError, ImageStore, Outcome, check_image
from mmrec_host.progress_bar import progress_bar

from ..disk import require_space

OK, GONE, NO_IMAGE, TOO_LARGE = "ok", "gone", "not an image", "too large"
FAILED, PRIVATE = "failed", "in a private network"  # these are tried again
LARGEST_IMAGE = 10 << 20  # bytes
TYPICAL_IMAGE = 15_000  # bytes of a product picture, about
BATCH_IMAGES, BATCH_BYTES = 64, 1 << 24  # a transaction ends at whichever comes first


def judge(source: str, data: bytes, detail: str = "") -> Outcome:
    """The outcome for the bytes of an image: decoded as a whole, and no placeholder of one pixel."""
    try:
        size = check_image(data)
    except BrokenImageError as reason:
        return Outcome(source, NO_IMAGE, str(reason))
    if size == (1, 1):  # what Amazon's image hosts send where there is none
        return Outcome(source, GONE, "a placeholder of one pixel")
    return Outcome(source, OK, detail)


def unfinished(outcomes: dict[str, Outcome], sources: list[str]) -> list[str]:
    """Those of `sources` that were never tried, then those that failed in a way that may pass, mixed.

    What a server never gives stands among what it gives, so that it does not look dead from the start.
    """
    new = [source for source in sources if source not in outcomes]
    failed = [source for source in sources if source in outcomes and outcomes[source].kind in (FAILED, PRIVATE)]
    random.Random(0).shuffle(failed)  # noqa: S311
    return new + failed


class Gathering:
    """Takes outcomes and images one at a time; what it has is stored at its end, even after an error.

    Raises:
        DataError: the disk is nearly full.
        CacheError: the store cannot be written.
    """

    def __init__(self, folder: Path, total: int, progress: bool) -> None:
        self._folder, self._store = folder, ImageStore(folder)
        self._batch: dict[str, tuple[Outcome, bytes]] = {}
        self._nbytes = 0
        self._kinds: Counter[str] = Counter()
        self._bar = progress_bar("images", "img", total, shown=progress)

    def __enter__(self) -> Gathering:
        return self

    def __exit__(self, kind: type | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._bar.close()
        self.flush()

    def add(self, outcome: Outcome, data: bytes = b"") -> None:
        """Take an outcome, and the bytes of the image, which are kept if the outcome is good."""
        self._batch[outcome.source] = outcome, data if outcome.kind == OK else b""
        self._nbytes += len(data)
        self._kinds[outcome.kind] += 1
        self._bar.update()
        self._bar.set_postfix(self._kinds, refresh=False)
        if len(self._batch) >= BATCH_IMAGES or self._nbytes >= BATCH_BYTES:
            require_space(self._folder, 2 * self._nbytes, "storing images")
            self.flush()

    def flush(self) -> None:
        """Store the outcomes and images that were taken since the last time."""
        if self._batch:
            self._store.add(self._batch)
        self._batch, self._nbytes = {}, 0
