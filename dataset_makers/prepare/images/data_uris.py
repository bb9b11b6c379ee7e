"""Pictures that a table holds itself, as data: URIs."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Iterable
from pathlib import Path
from urllib.parse import unquote_to_bytes

from feature_cache import ImageStore, Outcome

from .gathering import NO_IMAGE, Gathering, judge


def gather_data_uris(home: Path, uris: Iterable[str], progress: bool) -> None:
    """Store the pictures in `uris` among the images of the dataset folder `home`."""
    known = ImageStore(home).outcomes()
    new = [uri for uri in dict.fromkeys(uris) if uri not in known]
    with Gathering(home, len(new), progress) as gathering:
        for uri in new:
            gathering.add(*_read(uri))


def _read(uri: str) -> tuple[Outcome, bytes]:
    head, comma, payload = uri.partition(",")
    try:
        data = unquote_to_bytes(payload)
        data = base64.b64decode(data, validate=True) if head.endswith(";base64") else data
    except binascii.Error as error:
        return Outcome(uri, NO_IMAGE, f"its base64 is broken: {error}"), b""
    return judge(uri, data) if comma else Outcome(uri, NO_IMAGE, "no comma before its bytes"), data
