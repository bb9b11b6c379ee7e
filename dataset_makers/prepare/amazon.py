"""Amazon's product data of 2014 (J. McAuley): 5-core reviews, and metadata of a category."""

from __future__ import annotations

import math
import re
from collections.abc import Collection, Sequence
from pathlib import Path
from typing import Any

from mmrec_host.errors import DataError

from .download import fetched
from .faults import Faults
from .interaction_log import InteractionLog, LogBuilder
from .items import Item
from .options import AmazonFiles
from .tables.literals import parse_object
from .tables.text_lines import read_lines
from .tables.values import as_names, as_number, as_text, first_path
from .web import Reach

LATER = {
    "2018": ("imageURL", "imageURLHighRes", "also_buy", "main_cat"),
    "2023": ("parent_asin", "user_id", "main_category"),
}
"""Year of Amazon's later data -> keys that only its lines have."""
ASIN = re.compile(r"""['"]asin['"]\s*:\s*['"]([^'"]+)['"]""")


class AmazonSource:
    """A category of Amazon's product data as the source of a dataset.

    Args:
        files: where it is, and how it is read.
        folder: where downloads are kept.
        reach: which servers may be asked.
        progress: show progress bars.
    """

    describes = True
    raw_names = ("user_id", "asin")  # in the id maps, as MMRec's notebooks have them

    def __init__(self, files: AmazonFiles, folder: Path, reach: Reach, progress: bool) -> None:
        self.expected = files.published_counts
        self.images: Path | None = None
        self.columns: dict[str, Any] = {}
        self.notes: list[str] = []
        self._files, self._folder, self._reach, self._progress = files, folder, reach, progress

    def listing(self) -> str:
        """An empty text: the metadata name all images."""
        return ""

    def interactions(self, faults: Faults) -> InteractionLog:
        """All reviews as interactions of reviewers with products."""
        assert self._files.reviews is not None  # `read_options` refuses it where they are needed
        return read_reviews(self._fetched(self._files.reviews), faults)

    def items(self, wanted: Collection[str], faults: Faults) -> dict[str, Item]:
        """The products among `wanted`, by ASIN."""
        return read_metadata(self._fetched(self._files.metadata), wanted, self._files.text_fields, faults)

    def new_items(self) -> dict[str, Item]:
        """None: the metadata are of the whole shop, whatever its 5-core."""
        return {}

    def _fetched(self, source: str) -> Path:
        return fetched(source, self._folder, self._reach, self._progress)


def read_reviews(path: Path, faults: Faults) -> InteractionLog:
    """The reviews in `path`: an object a line with reviewerID, asin, overall and unixReviewTime.

    Raises:
        DataError: the file cannot be read, or is of another year.
    """
    log = LogBuilder()
    for number, line in read_lines(path, faults):
        row = parse_object(line)
        _refuse_later(path, row)
        user, item = (as_text(row.get(key)) for key in ("reviewerID", "asin"))
        time = as_number(row.get("unixReviewTime"))
        if user and item and not math.isnan(time):
            log.add(user, item, as_number(row.get("overall")), time)
        elif line.strip():
            log.leave_out()
            faults.add("broken review (skipped)", f"{path.name}, line {number}: {line}")
    return log.build()


def read_metadata(path: Path, wanted: Collection[str], fields: Sequence[str], faults: Faults) -> dict[str, Item]:
    """Title, text, image address and categories (the first path) of the wanted items, by ASIN.

    Args:
        path: a Python literal (as published) or a JSON object a line.
        fields: those that make the text, in this order; of the categories the first path, as in MMRec.

    Raises:
        DataError: the file cannot be read, or is of another year.
    """
    items: dict[str, Item] = {}
    for number, line in read_lines(path, faults):
        found = ASIN.search(line)
        if found and found[1] not in wanted:  # a category has many times the items of its 5-core
            continue
        row = parse_object(line)
        _refuse_later(path, row)
        asin = as_text(row.get("asin"))
        if asin in wanted:
            if asin in items:
                faults.add("item described twice (first kept)", asin)
            else:
                text = " ".join(filter(None, (_field(row, name) for name in fields)))
                names = as_names(row.get("categories"))
                items[asin] = Item(_field(row, "title"), text, as_text(row.get("imUrl")), names)
        elif line.strip() and not row:
            faults.add("broken line of metadata (skipped)", f"{path.name}, line {number}: {line}")
    return items


def _refuse_later(path: Path, row: dict[str, Any]) -> None:
    for year, keys in LATER.items():
        if any(key in row for key in keys):
            raise DataError(
                f"{path}: is of Amazon's data of {year}, and source_reviews and source_metadata are read as those of "
                f"2014. `ptmrec prepare NAME --source amazon-{year} --category-name CATEGORY --files {path.parent}` "
                "reads it; so do --interactions and --items, for files that are called otherwise."
            )


def _field(row: dict[str, Any], name: str) -> str:
    value = row.get(name)
    return as_text(first_path(value) if name == "categories" else value)
