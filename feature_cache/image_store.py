"""Images that were gathered for a dataset folder, and what became of each attempt to get one."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

from .errors import CacheError
from .store import Store

FOLDER = "images.lmdb"  # within the dataset folder
REVISION_KEY = b"revision"
OUTCOME_PREFIX, IMAGE_PREFIX = b"outcome/", b"image/"


@dataclass(frozen=True)
class Outcome:
    """What became of the attempt to get one image.

    Attributes:
        source: where it came from, an address or a file name; items refer to it by this.
        kind: "ok" if the image is stored, else why not, in the words of whoever tried.
        detail: more about it, such as a reason or a file's time stamp.
    """

    source: str
    kind: str
    detail: str = ""


class ImageStore:
    """Encoded images and outcomes by source, in the LMDB environment `images.lmdb` of a dataset folder.

    Raises (every method):
        CacheError: the environment cannot be opened, read or written.
    """

    def __init__(self, folder: Path | str) -> None:
        self._store = Store(Path(folder) / FOLDER)

    @property
    def revision(self) -> str | None:
        """A digest that every addition changes; None while nothing was ever added."""
        record = self._store.get(REVISION_KEY)
        return None if record is None else record.decode()

    def image(self, source: str) -> bytes | None:
        """The encoded image from `source`, or None if there is none."""
        return self._store.get(IMAGE_PREFIX + _key(source)) or None

    def outcomes(self) -> dict[str, Outcome]:
        """The latest outcome of each source."""
        found = (_outcome(value) for _, value in self._store.scan(OUTCOME_PREFIX))
        return {outcome.source: outcome for outcome in found if outcome is not None}

    def add(self, batch: Mapping[str, tuple[Outcome, bytes]]) -> None:
        """Store outcomes by source, with the image's bytes (empty if there is none), all or nothing.

        Raises:
            CacheError: another process adds images at the same time.
        """
        entries: dict[bytes, bytes] = {}
        old = self._store.get(REVISION_KEY)
        sha = hashlib.sha256(old or b"")
        for source, (outcome, data) in batch.items():
            key = _key(source)
            entries[OUTCOME_PREFIX + key] = json.dumps(asdict(outcome)).encode()
            entries[IMAGE_PREFIX + key] = data
            sha.update(key + hashlib.sha256(data).digest())
        if not self._store.commit(REVISION_KEY, old, sha.hexdigest().encode(), entries):
            raise CacheError(
                f"{self._store.path}: another process adds images too. Wait for it to end, then start again."
            )


def _outcome(value: bytes) -> Outcome | None:
    """What became of an attempt; None of a damaged record, as if nobody had tried."""
    try:
        outcome = Outcome(**json.loads(value))
    except (ValueError, TypeError):
        return None
    return outcome if all(isinstance(text, str) for text in vars(outcome).values()) else None


def _key(source: str) -> bytes:
    return hashlib.sha256(source.encode(errors="surrogatepass")).hexdigest().encode()
