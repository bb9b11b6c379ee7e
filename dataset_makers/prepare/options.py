"""What `ptmrec prepare` was asked for: files, columns, and what is kept of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from mmrec_host.config import Config

from .interactions_table import Asked
from .items_table import AskedItems
from .split_rules import Rule
from .tables.containers import holder, parts
from .web import Reach

Described = dict[str, Any]  # what prepared data depend on, as JSON values


def stamped(source: str) -> str:
    """`source` itself if it is an address; a file with size and modification time, which tell its versions apart."""
    path = Path(source).expanduser()
    files = [file for file in ([*parts(path)] if path.is_dir() else [holder(path)]) if file.is_file()]
    if "://" in source or not files:
        return source
    stats = [file.stat() for file in files]
    return f"{path.resolve()} ({sum(s.st_size for s in stats)}, {max(s.st_mtime_ns for s in stats)})"


@dataclass(frozen=True)
class AmazonFiles:
    """A category of Amazon's data set of 2014.

    Attributes:
        reviews: address or path of the reviews, or None where an existing split says which rows there are.
        metadata: address or path of the metadata.
        text_fields: fields of the metadata that make an item's text, in this order.
        published_counts: users, items and interactions that there must be, or nothing.
    """

    reviews: str | None
    metadata: str
    text_fields: list[str]
    published_counts: list[int]

    def described(self) -> Described:
        """What the prepared data depend on, as JSON values."""
        reviews = self.reviews and stamped(self.reviews)
        return {"reviews": reviews, "metadata": stamped(self.metadata), "text_fields": self.text_fields}


@dataclass(frozen=True)
class FeatureFiles:
    """Features that somebody else made, in an order of their own.

    Attributes:
        files: modality ("v", "t") -> file or folder.
        ids: the raw ids of the rows, in their order, or None where the files themselves have them.
    """

    files: Mapping[str, Path] = field(default_factory=dict)
    ids: Path | None = None

    def described(self) -> Described:
        """What the prepared data depend on, as JSON values."""
        named = {f"features_{modality}": stamped(str(path)) for modality, path in self.files.items()}
        return named | ({"feature_ids": stamped(str(self.ids))} if self.ids else {})


@dataclass(frozen=True)
class OwnTables:
    """Tables of interactions and items and a folder of images; each may be absent.

    Attributes:
        interactions: path or address of a table -> its part of the split (0 train, 1 valid, 2 test), or None.
        items: path or address of a table.
    """

    interactions: Mapping[str, int | None]
    items: str | None
    images: Path | None
    asked: Asked
    asked_items: AskedItems

    def with_columns(self, item: str | None, items_id: str | None) -> OwnTables:
        """With the columns of the items' ids in both tables, None to guess them."""
        asked = replace(self.asked, named={**self.asked.named, "item": item})
        return replace(
            self,
            asked=asked,
            asked_items=replace(self.asked_items, named={**self.asked_items.named, "id": items_id}),
        )

    def described(self) -> Described:
        """What the prepared data depend on, as JSON values; what was not asked for is not there."""
        files = dict(zip(("interactions", "valid", "test"), map(stamped, self.interactions)))
        asked, items = self.asked, self.asked_items
        more = {
            "names": asked.names and list(asked.names),
            "keep": [str(condition) for condition in asked.keep] or None,
            "time_format": asked.time_format,
            "item_names": items.names and list(items.names),
            "category_sign": items.sign,
            "markup": items.markup or None,
        }
        return {
            "interactions": None,
            **files,
            "items": self.items and stamped(self.items),
            "images": self.images and str(self.images.resolve()),
            **asked.named,
            **{"items_id" if name == "id" else name: column for name, column in items.named.items()},
            **{"text": items.text, "min_rating": asked.min_rating},
            **{key: value for key, value in more.items() if value is not None},
        }


@dataclass(frozen=True)
class Selection:
    """Which interactions are kept, and which are held out.

    Attributes:
        k: every user has at least so many.
        k_items: and every item.
        rule: how rows are held out, where the source has no split of its own.
        adopted: an existing `.inter` file with id maps beside it; it goes before the others.
    """

    k: int
    k_items: int
    rule: Rule
    adopted: Path | None

    def described(self) -> Described:
        """What the prepared data depend on, as JSON values, without what an adopted split makes irrelevant."""
        if self.adopted is not None:
            return {"split": stamped(str(self.adopted))}
        return {"k_core": self.k if self.k == self.k_items else [self.k, self.k_items], **self.rule.described()}


@dataclass(frozen=True)
class PrepareOptions:
    """All that a preparation is told.

    Attributes:
        folder: of the dataset, which is called as it is.
        config: the dataset's configuration, by which the host reads an existing `.inter` file.
        features: made elsewhere, to be put into the dataset's order.
        image_host: the server that is asked for images in place of the one in each address, or None.
        reach: which servers may be asked.
        with_images: gather the images too.
        force: replace a dataset that was prepared with other options.
        progress: show progress bars where stderr is a terminal.
    """

    folder: Path
    config: Config
    source: AmazonFiles | OwnTables
    selection: Selection
    features: FeatureFiles
    image_host: str | None
    reach: Reach
    with_images: bool
    force: bool
    progress: bool

    def described(self) -> Described:
        """What the prepared data depend on, as JSON values."""
        return {**self.source.described(), **self.selection.described(), **self.features.described()}
