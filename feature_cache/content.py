"""Raw item content in the cache: encoded image bytes, title and text by item id.

Each state of a dataset folder, known by the listing of its files, has records of its own: of each item the title, the
text and the SHA-256 of the image, under which that is stored once. So two folders, or two states of one, never get into
each other's way, and nobody who reads an item gets other bytes than those that the content's digest stands for.
"""

from __future__ import annotations

import hashlib
import io
import json
import logging
from dataclasses import replace
from functools import cache
from pathlib import Path

from PIL import Image

from .builds import BuildState, canonical_json, load_state, run_build
from .content_report import UNKNOWN_TEXT, ContentReport, make_report
from .errors import CacheError
from .image_store import ImageStore
from .pixels import PIXELS, is_redrawn
from .raw_folder import LARGEST_IMAGE, BrokenImageError, ItemText, RawFolder, read_image, read_texts, scan_folder
from .store import Store

logger = logging.getLogger(__name__)

REPORT_FILE = "content_report.json"
CHUNK_ITEMS, CHUNK_BYTES = 500, 1 << 26  # a transaction ends at whichever comes first


@cache
def grey_png() -> bytes:
    """The image that stands in for one that is missing or broken: uniform mid-grey."""
    file = io.BytesIO()
    Image.new("RGB", (8, 8), (128, 128, 128)).save(file, "PNG", compress_level=0)  # the same bytes with every zlib
    return file.getvalue()


class Content:
    """The raw content of one state of a dataset folder in `store`; complete or absent.

    Attributes:
        n_items: items of the dataset; ids are 0 to n_items - 1.
        digest: SHA-256, chained over the images, titles and texts in the order of the ids.
        report: what was missing.
        pixels: the revision of `upright_rgb` that the pictures' pixels depend on; 1 where all revisions make the same.

    Args:
        listing: of the folder's files, `RawFolder.listing`.

    Raises:
        CacheError: no content was imported, or not all of it.
    """

    def __init__(self, store: Store, listing: str) -> None:
        state = load_state(store.get_intact(_state_key(listing)))
        if state is None or not state.complete:
            held = "no item content" if state is None else f"content of {state.n_done} of {state.n_items} items only"
            raise CacheError(f"{store.path}: the cache holds {held}. Import it from the folder with the raw data.")
        self.store, self.n_items = store, state.n_items
        try:
            self.digest: str = state.notes["digest"]
            self.report = ContentReport.from_json(state.notes["report"])
            self.pixels = PIXELS if state.notes.get("redrawn") else 1
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise CacheError(
                f"{store.path}: the record of the item content is damaged ({error!r}). Delete this folder, or put it "
                f"aside with `ptmrec cache repair {store.path}`: its content is made anew."
            ) from error
        self._listing = listing

    def image(self, i: int) -> bytes:
        """The encoded image of item `i`, byte for byte as in its file."""
        return self.store.read([_image_key(self._record(i)["image"])], bytes)[0]

    def title(self, i: int) -> str:
        """The title of item `i`, possibly empty."""
        return self._record(i)["title"]

    def text(self, i: int) -> str:
        """The text of item `i`, never empty."""
        return self._record(i)["text"]

    def _record(self, i: int) -> dict[str, str]:
        if not 0 <= i < self.n_items:
            raise IndexError(f"item {i}: ids are 0 to {self.n_items - 1}")
        return self.store.read([_item_key(self._listing, i)], _item_record)[0]


def import_content(
    store: Store, folder: Path | str, n_items: int, progress: bool = False, largest_image: int = LARGEST_IMAGE
) -> Content:
    """Put the raw content of `folder` into `store`, unless it is there and the folder's listing has not changed.

    Every image file is decoded once to check it; a gathered image (`ImageStore`) was, and is taken as it is. An
    interrupted import goes on where it was. What is missing or broken is warned of in one line, and listed in
    `content_report.json` in the environment's folder.

    Args:
        store: the dataset's environment.
        folder: holds `images/<itemID>.*` and `items.jsonl`, or one of them.
        n_items: items of the dataset.
        progress: show a progress bar when stderr is a terminal.
        largest_image: bytes of an image file; a larger one is not read, and counts as broken.

    Raises:
        CacheError: the folder has neither, `items.jsonl` is malformed, or a file was changed while it was read.
    """
    folder = Path(folder)
    raw = scan_folder(folder, n_items, largest_image)
    key = _state_key(raw.listing)
    identity = {"listing": raw.listing, "pixels": PIXELS}
    start = BuildState(n_items, identity, notes={"broken_images": {}, "digest": "", "redrawn": 0})
    state = load_state(store.get_intact(key))
    if state is None or not state.complete or not state.continues(start):
        texts = read_texts(folder / "items.jsonl", n_items)
        gathered = ImageStore(folder)
        raw = replace(raw, gathered=_gathered(gathered, texts))

        def next_chunk(state: BuildState) -> tuple[BuildState, dict[bytes, bytes]]:
            return _next_chunk(raw, gathered, texts, state, largest_image)

        run_build(store, key, start, next_chunk, "content", progress)
        if scan_folder(folder, n_items, largest_image).listing != raw.listing:
            raise CacheError(f"{folder}: images or texts were changed while they were read. Start again.")
    content = Content(store, raw.listing)
    content.report.write(store.path / REPORT_FILE)
    if not content.report.clean:
        logger.warning("%s: %s. Details: %s", folder, content.report, store.path / REPORT_FILE)
    return content


def _gathered(images: ImageStore, texts: dict[int, ItemText]) -> dict[int, str]:
    """The source of each item's gathered image."""
    if images.revision is None:
        return {}
    stored = {source for source, outcome in images.outcomes().items() if outcome.kind == "ok"}
    return {item: row.image for item, row in texts.items() if row.image in stored}


def _next_chunk(
    raw: RawFolder, gathered: ImageStore, texts: dict[int, ItemText], state: BuildState, largest_image: int
) -> tuple[BuildState, dict[bytes, bytes]]:
    entries: dict[bytes, bytes] = {}
    broken, digest, redrawn = dict(state.notes["broken_images"]), state.notes["digest"], state.notes["redrawn"]
    item, nbytes = state.n_done, 0
    while item < min(state.n_items, state.n_done + CHUNK_ITEMS) and nbytes < CHUNK_BYTES:
        image = None
        if item in raw.images:
            try:
                image = read_image(raw.images[item], largest_image)
            except BrokenImageError as reason:
                broken[str(item)] = f"{raw.images[item].name}: {reason}"
        elif item in raw.gathered:
            image = gathered.image(raw.gathered[item])
        title, text, _ = texts.get(item, ItemText())
        image, title, text = image or grey_png(), _storable(title), _storable(text or title or UNKNOWN_TEXT)
        with Image.open(io.BytesIO(image)) as picture:
            redrawn += is_redrawn(picture)
        record = {"image": hashlib.sha256(image).hexdigest(), "title": title, "text": text}
        entries[_item_key(raw.listing, item)] = canonical_json(record)
        entries[_image_key(record["image"])] = image
        sha = hashlib.sha256(digest.encode())
        for value in (image, title.encode(), text.encode()):
            sha.update(len(value).to_bytes(8, "little") + value)
        digest = sha.hexdigest()
        nbytes += len(image)
        item += 1
    notes = {"broken_images": broken, "digest": digest, "redrawn": redrawn}
    if item == state.n_items:
        notes["report"] = make_report(raw, texts, broken, state.n_items).to_json()
    return replace(state, n_done=item, notes=notes), entries


def _item_record(value: memoryview) -> dict[str, str]:
    """Title, text and image of an item; `ValueError` for a record of another shape."""
    record = json.loads(bytes(value))
    if not isinstance(record, dict) or not all(isinstance(record.get(k), str) for k in ("image", "title", "text")):
        raise ValueError("it is no title, text and image")
    return record


def _storable(text: str) -> str:
    return text.encode(errors="replace").decode()  # JSON may hold half a surrogate pair, UTF-8 cannot


def _state_key(listing: str) -> bytes:
    return f"contents/{listing}".encode()


def _item_key(listing: str, item: int) -> bytes:
    return f"content/{listing}/{item:08d}".encode()


def _image_key(sha: str) -> bytes:
    return f"image/{sha}".encode()
