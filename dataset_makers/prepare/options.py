"""What `ptmrec prepare` was asked for: files, columns, and what is kept of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mmrec_host.config import Config

from .web import Reach

Described = dict[str, Any]  # what prepared data depend on, as JSON values


def stamped(source: str) -> str:
    """`source` itself if it is an address; a file with size and modification time, which tell its versions apart."""
    path = Path(source).expanduser()
    return f"{path.resolve()} ({path.stat().st_size}, {path.stat().st_mtime_ns})" if path.is_file() else source


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
class OwnTables:
    """The user's own tables of interactions and items and folder of images; each may be absent.

    Attributes:
        of_interactions: "user", "item", "rating" and "time" -> the column that the user named, or None to guess it.
        of_items: "id", "title", "image" and "category" -> likewise.
        text: the columns that make an item's text, or None to guess them.
        min_rating: interactions rated less are left out.
    """

    interactions: Path | None
    items: Path | None
    images: Path | None
    of_interactions: Mapping[str, str | None]
    of_items: Mapping[str, str | None]
    text: Sequence[str] | None
    min_rating: float | None

    def described(self) -> Described:
        """What the prepared data depend on, as JSON values."""
        files = {"interactions": self.interactions, "items": self.items}
        items = {"items_id" if name == "id" else name: column for name, column in self.of_items.items()}
        return {
            **{name: path and stamped(str(path)) for name, path in files.items()},
            "images": self.images and str(self.images.resolve()),
            **{**self.of_interactions, **items},
            **{"text": self.text, "min_rating": self.min_rating},
        }


@dataclass(frozen=True)
class Selection:
    """Which interactions are kept, and which are held out.

    Attributes:
        k: every user and item has at least so many.
        rule, seed: of `split_rules`.
        adopted: an existing `.inter` file with id maps beside it; it goes before the others.
    """

    k: int
    rule: str
    seed: int
    adopted: Path | None

    def described(self) -> Described:
        """What the prepared data depend on, as JSON values, without what an adopted split makes irrelevant."""
        if self.adopted is not None:
            return {"split": stamped(str(self.adopted))}
        return {"k_core": self.k, "split_rule": self.rule, "seed": self.seed}


@dataclass(frozen=True)
class PrepareOptions:
    """All that a preparation is told.

    Attributes:
        folder: of the dataset, which is called as it is.
        config: the dataset's configuration, by which the host reads an existing `.inter` file.
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
    image_host: str | None
    reach: Reach
    with_images: bool
    force: bool
    progress: bool

    def described(self) -> Described:
        """What the prepared data depend on, as JSON values."""
        return {**self.source.described(), **self.selection.described()}
