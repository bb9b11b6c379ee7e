"""A dataset folder with raw item content: `images/<itemID>.<suffix>`, `items.jsonl`, and gathered images by source."""

from __future__ import annotations

import hashlib
import io
import json
import os
import warnings
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

from PIL import Image, UnidentifiedImageError

from .errors import CacheError
from .image_store import ImageStore

SUFFIXES = (
    ".jpg",
    ".jpeg",
    ".png",
    ".webp",
    ".gif",
    ".bmp",
    ".avif",
    ".tif",
    ".tiff",
)  # of several files for an item, the first in this order
FORMATS = ("JPEG", "PNG", "WEBP", "GIF", "BMP", "AVIF", "TIFF")
LARGEST_IMAGE = 50_000_000  # bytes of an image file, unless a caller says otherwise


class BrokenImageError(Exception):
    """An image cannot be used; the message is the reason."""


class ItemText(NamedTuple):
    """What a line of `items.jsonl` says of an item, stripped, empty where absent or null."""

    title: str = ""
    text: str = ""
    image: str = ""  # the source of its gathered image


@dataclass(frozen=True)
class RawFolder:
    """What a dataset folder holds of raw item images, and the state of its files.

    Attributes:
        images: the image file of each item that has one.
        ambiguous: the names of all files of each item that has several; the first is used.
        unused: names in `images/` that are no `<itemID>.<suffix>` with an id of the dataset.
        listing: SHA-256 over names, sizes, inodes and times of change, the revision of the gathered images, and the
            names of images that are too large.
        gathered: the source of each item's gathered image; a file in `images/` goes before it.
    """

    images: dict[int, Path]
    ambiguous: dict[int, list[str]]
    unused: list[str]
    listing: str
    gathered: dict[int, str] = field(default_factory=dict)


def scan_folder(folder: Path, n_items: int, largest_image: int = LARGEST_IMAGE) -> RawFolder:
    """List the raw content in `folder`, opening no file.

    Args:
        largest_image: bytes of an image file that will be read.

    Raises:
        CacheError: there is neither `images/` nor `items.jsonl`, or the folder cannot be read.
    """
    images_folder, items_file = folder / "images", folder / "items.jsonl"
    if not images_folder.is_dir() and not items_file.is_file():
        raise CacheError(
            f"{folder}: raw item images and texts are needed, and there is neither images/ nor items.jsonl here. Files "
            "of ready-made features (image_feat.npy, text_feat.npy) cannot stand in for them. Expected:\n"
            f"  images/<itemID>.jpg    an image an item ({' '.join(SUFFIXES)})\n"
            '  items.jsonl            an object a line: {"itemID": 0, "title": "a name", "text": "a description"}\n'
            f"with the itemIDs of the interaction file, 0 to {n_items - 1}. One of the two may be left out."
        )
    item_ids = {str(item): item for item in range(n_items)}
    files: list[tuple[str, os.stat_result]] = []
    names: dict[int, list[str]] = {}
    unused: list[str] = []
    try:
        if items_file.is_file():
            files.append((items_file.name, items_file.stat()))
        for entry in os.scandir(images_folder) if images_folder.is_dir() else ():
            stem, suffix = os.path.splitext(entry.name)
            if stem in item_ids and suffix.lower() in SUFFIXES and entry.is_file():
                names.setdefault(item_ids[stem], []).append(entry.name)
                files.append((entry.name, entry.stat()))
            else:
                unused.append(entry.name)
    except OSError as error:
        raise CacheError(f"{folder}: the raw content cannot be read: {error}") from error
    for several in names.values():
        several.sort(key=lambda name: (SUFFIXES.index(os.path.splitext(name)[1].lower()), name))
    # The time of the last change to a file (`ctime`) cannot be set, as the time of its modification can.
    states = sorted((name, stat.st_size, stat.st_ino, stat.st_mtime_ns, stat.st_ctime_ns) for name, stat in files)
    listing = f"{n_items} {states} {ImageStore(folder).revision}"
    if too_large := [name for name, nbytes, *_ in states if nbytes > largest_image and name != items_file.name]:
        listing += f" but {too_large}"
    return RawFolder(
        images={item: images_folder / several[0] for item, several in sorted(names.items())},
        ambiguous={item: several for item, several in sorted(names.items()) if len(several) > 1},
        unused=sorted(unused),
        listing=hashlib.sha256(listing.encode()).hexdigest(),
    )


def read_image(path: Path, largest: int = LARGEST_IMAGE) -> bytes:
    """The bytes of an image file, after decoding them once to see that they are good.

    Raises:
        BrokenImageError: a link out of the dataset folder, unreadable, of more than `largest` bytes, no image,
            truncated, or over Pillow's limit against decompression bombs (`Image.MAX_IMAGE_PIXELS`).
    """
    if path.is_symlink():
        roots = path.parent.resolve(), path.parent.parent.resolve()
        if not any(path.resolve().is_relative_to(root) for root in roots):
            raise BrokenImageError("a link that leaves the dataset folder")
    try:
        with path.open("rb") as file:
            nbytes = os.fstat(file.fileno()).st_size
            data = file.read(nbytes) if nbytes <= largest else b""
    except OSError as error:
        raise BrokenImageError(f"{type(error).__name__}: {error}") from error
    if nbytes > largest:
        raise BrokenImageError(f"{nbytes / 1e6:,.0f} MB, more than the {largest / 1e6:.0f} MB that are read")
    check_image(data)
    return data


def check_image(data: bytes, most_pixels: int | None = None) -> tuple[int, int]:
    """Decode an image as a whole to see that it is good; its width and height in pixels.

    Args:
        most_pixels: an image that says to have more is not decoded.

    Raises:
        BrokenImageError: no image of the documented formats, truncated, of too many pixels, or over Pillow's limit
            against decompression bombs (`Image.MAX_IMAGE_PIXELS`).
    """
    try:
        with warnings.catch_warnings():
            # Pillow warns above its limit and refuses above twice the limit; here both are refused.
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            with Image.open(io.BytesIO(data), formats=FORMATS) as image:
                if most_pixels is not None and image.width * image.height > most_pixels:
                    raise BrokenImageError(
                        f"{image.width} x {image.height} pixels, more than the {most_pixels / 1e6:g} million that are "
                        "decoded"
                    )
                image.convert("RGB")
                return image.size
    except UnidentifiedImageError as error:
        raise BrokenImageError(f"no {', '.join(FORMATS)} image") from error
    except BrokenImageError:
        raise
    except Exception as error:  # Pillow's decoders raise errors of many kinds
        raise BrokenImageError(f"{type(error).__name__}: {error}") from error


def read_lines(path: Path, n_items: int) -> Iterator[tuple[int, dict[str, Any]]]:
    """Item and object of each line of an `items.jsonl`; no file, no lines.

    Raises:
        CacheError: a line is no JSON object, its itemID is missing, out of range or was there before, or its title or
            text is no string. The message names file and line.
    """
    lines: dict[int, int] = {}
    if not path.is_file():
        return
    with path.open("rb") as file:  # bytes, as JSON's reader knows a byte order mark
        for number, line in enumerate(file, start=1):
            if not line.strip():
                continue
            where = f"{path}, line {number}"
            try:
                row = json.loads(line)
            except (ValueError, RecursionError) as error:
                raise CacheError(f"{where}: not JSON ({error}). Each line must be one JSON object in UTF-8.") from error
            if not isinstance(row, dict) or "itemID" not in row:
                raise CacheError(
                    f'{where}: no "itemID". Each line must be like {{"itemID": 0, "title": "", "text": ""}}.'
                )
            item = row["itemID"]
            if type(item) is not int or not 0 <= item < n_items:
                raise CacheError(f'{where}: "itemID" is {item!r}; allowed are the whole numbers 0 to {n_items - 1}.')
            if item in lines:
                raise CacheError(f'{where}: "itemID" {item} was already on line {lines[item]}. Keep one line an item.')
            for key in ("title", "text"):
                if not isinstance(row.get(key), str | None):
                    raise CacheError(f'{where}: "{key}" must be a string or null, not {type(row[key]).__name__}.')
            lines[item] = number
            yield item, row


def read_texts(path: Path, n_items: int) -> dict[int, ItemText]:
    """What an `items.jsonl` says of each item; no file, no texts.

    Raises:
        CacheError: as `read_lines`.
    """
    texts: dict[int, ItemText] = {}
    for item, row in read_lines(path, n_items):
        title, text = ((row.get(key) or "").strip() for key in ("title", "text"))
        image = row.get("image")
        texts[item] = ItemText(title, text, image if isinstance(image, str) else "")
    return texts
