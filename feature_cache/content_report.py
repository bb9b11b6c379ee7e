"""What was missing or odd in the raw folder, and what stands in for it."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path

from .raw_folder import ItemText, RawFolder

UNKNOWN_TEXT = "unknown item"


@dataclass(frozen=True)
class ContentReport:
    """What raw content was missing or odd.

    A grey image stands in where there is no usable one; the title, else "unknown item", where there is no text.

    Attributes:
        n_items: items of the dataset.
        missing_images: items without an image file or a gathered image.
        broken_images: file and reason, for each item whose image cannot be used.
        missing_texts: items without a text.
        titles_as_texts: those of them that have a title, which is their text now.
        ambiguous_images: the files of each item that has several; the first is used.
        unused_files: names in `images/` that belong to no item.
    """

    n_items: int
    missing_images: list[int]
    broken_images: dict[int, str]
    missing_texts: list[int]
    titles_as_texts: list[int]
    ambiguous_images: dict[int, list[str]]
    unused_files: list[str]

    def __str__(self) -> str:
        return (
            f"of {self.n_items} items, {len(self.missing_images)} have no image and {len(self.broken_images)} a broken "
            f"one (a grey image stands in); {len(self.missing_texts)} have no text (the title stands in for "
            f'{len(self.titles_as_texts)}, "{UNKNOWN_TEXT}" for the others); {len(self.ambiguous_images)} have several '
            f"images; {len(self.unused_files)} files in images/ belong to no item"
        )

    @property
    def clean(self) -> bool:
        """Whether there is nothing to report."""
        return not any(value for name, value in asdict(self).items() if name != "n_items")

    @property
    def without_image(self) -> set[int]:
        """The items that a grey image stands in for."""
        return {*self.missing_images, *self.broken_images}

    def to_json(self) -> str:
        """The report as JSON, item ids as keys where a value belongs to one."""
        return json.dumps(asdict(self), indent=1)

    @classmethod
    def from_json(cls, text: str | bytes) -> ContentReport:
        """The report that `to_json` made the text of."""
        values = json.loads(text)
        for name in ("broken_images", "ambiguous_images"):
            values[name] = {int(item): value for item, value in values[name].items()}
        return cls(**values)

    def write(self, path: Path) -> None:
        """Write the report to `path`, unless it is there already, so that a read-only cache can be used.

        The environment holds the report too; a file that an interruption cut short is written again at the next import.
        """
        data = self.to_json().encode()
        if not path.is_file() or path.read_bytes() != data:
            path.write_bytes(data)


def make_report(
    raw: RawFolder, texts: dict[int, ItemText], broken_images: dict[str, str], n_items: int
) -> ContentReport:
    """The report on a folder whose broken images are known by now (item id, as JSON has it -> reason)."""
    missing_texts = [item for item in range(n_items) if item not in texts or not texts[item].text]
    return ContentReport(
        n_items=n_items,
        missing_images=[item for item in range(n_items) if item not in raw.images and item not in raw.gathered],
        broken_images={int(item): reason for item, reason in broken_images.items()},
        missing_texts=missing_texts,
        titles_as_texts=[item for item in missing_texts if item in texts and texts[item].title],
        ambiguous_images=raw.ambiguous,
        unused_files=raw.unused,
    )
