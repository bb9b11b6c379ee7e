"""Small JPEG pictures as data URIs."""

from __future__ import annotations

import base64
import io
import logging
from collections.abc import Iterable
from dataclasses import dataclass

from PIL import Image

from feature_cache import Content
from feature_cache.pixels import upright_rgb
from feature_cache.raw_folder import FORMATS

log = logging.getLogger(__name__)

SIDES = (112, 80, 56, 40)  # longest side in pixels; smaller ones where a page would be too large
QUALITY = 78


@dataclass(frozen=True)
class Thumbnail:
    """A picture of `width` x `height` pixels."""

    width: int
    height: int
    uri: str


def make_thumbnails(content: Content, items: Iterable[int], budget: int) -> dict[int, Thumbnail] | None:
    """A picture of each item, as large as fits into `budget` bytes for all; None if even the smallest do not fit."""
    items = sorted(items)
    for side in SIDES:
        made, left = {}, budget
        for item in items:
            made[item] = make_thumbnail(content.image(item), side)
            left -= len(made[item].uri)
            if left < 0:
                break
        else:
            return made
    return None


def make_thumbnail(encoded: bytes, side: int) -> Thumbnail:
    """`small_jpeg` as a data URI."""
    width, height, jpeg = small_jpeg(encoded, side)
    return Thumbnail(width, height, f"data:image/jpeg;base64,{base64.b64encode(jpeg).decode()}")


def small_jpeg(encoded: bytes, side: int) -> tuple[int, int, bytes]:
    """The picture in `encoded` as a JPEG with a longest side of at most `side`: width, height and bytes.

    It is upright, on white and without metadata.

    Bytes that are no picture give a grey square: a page shows the others.
    """
    try:
        with Image.open(io.BytesIO(encoded), formats=FORMATS) as image:
            image.draft("RGB", (2 * side, 2 * side))  # a large JPEG is decoded at a fraction of its size
            flat = upright_rgb(image)
    except Exception as error:  # Pillow's decoders raise errors of many kinds
        log.warning("a picture in the cache cannot be decoded, and is shown grey (%s)", error)
        flat = Image.new("RGB", (side, side), "grey")
    flat.thumbnail((side, side))
    file = io.BytesIO()
    flat.save(file, "JPEG", quality=QUALITY, optimize=True)
    return *flat.size, file.getvalue()
