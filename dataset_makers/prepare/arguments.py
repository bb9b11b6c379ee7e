"""The arguments of `ptmrec prepare`."""

from __future__ import annotations

import argparse
import shlex
from collections.abc import Iterable
from pathlib import Path

EXAMPLES = """examples:
  ptmrec prepare baby                                  Amazon Baby of 2014: download, 5-core, MMRec's split rule, images
  ptmrec prepare baby source_reviews=FILE source_metadata=FILE      from local files, or from a mirror's addresses
  ptmrec prepare baby --split mmrec/baby.inter         MMRec's published split, with its id maps beside it
  ptmrec prepare toys --source amazon-2023 --category-name Toys_and_Games --files downloads
                                                       a published data set, see `ptmrec list sources`
  ptmrec prepare mine --interactions clicks.csv --items products.csv --images pictures/
                                                       your own tables; pictures/<item id>.jpg
  ptmrec prepare films --interactions ratings.csv --items movies.csv --min-rating 3.5
                                                       MovieLens, from the files of its archive
  ptmrec prepare mine --interactions train.tsv --valid val.tsv --test test.tsv         a split made elsewhere
  ptmrec prepare --check FOLDER                        what a folder is, what is wrong with it, what it can run

Tables are CSV, TSV and the like, with a header or without one, JSON, JSON lines, lines of Python's dicts (each also
compressed, or in a zip archive), Parquet, or a folder of such files. Columns are guessed from their names and shown;
name them with --user, --item, --rating, --time (interactions), --id, --title, --text, --image, --category (items; an
image is an address or a file name). Run it again after an interruption, or for images that failed: only what is missing
is done.
Amazon's datasets have their keys (addresses, text_fields, published_counts) in mmrec_configs/dataset/NAME.yaml;
key=value overrides them.
"""

COLUMNS = {
    "user": "raw user id, in the interactions",
    "item": "raw item id, in the interactions; lists are one row an item",
    "rating": "rating, in the interactions",
    "time": "time, in the interactions",
    "label": "split, in the interactions: train, valid, test or 0, 1, 2",
    "title": "title, in the items",
    "image": "address or file name of the image, in the items",
    "category": "categories, in the items: a list, or a text divided by |",
}
OF_INTERACTIONS = ("user", "item", "rating", "time", "label")
OF_ITEMS = ("title", "image", "category")
RULES = ("last", "leave-one-out", "mmrec", "ratio", "ratio-time", "time")  # those of split_rules, without its imports
K_CORE, RULE = 5, "mmrec"
DEFAULTS = {"seed": 999, "keep": [], "raw_markup": False}
READING = ("min_rating", "keep", "columns", "time_format")
FILES = ("interactions", "valid", "test", "source")
IGNORED_WITH_SPLIT = (*FILES, *OF_INTERACTIONS, *READING, "k_core", "split_rule", "ratio", "since", "seed")
ONLY_OWN = (*COLUMNS, "items_id", "text", *READING, "item_columns", "category_sign", "raw_markup")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare what `ptmrec prepare` can be asked for."""
    parser.epilog = EXAMPLES
    parser.set_defaults(**DEFAULTS)
    parser.add_argument("name", nargs="?", default="", help="baby, sports, clothing, elec, or a name of yours")
    parser.add_argument("--check", type=Path, metavar="FOLDER", help="say what a folder is, and make nothing")
    _add_tables(parser.add_argument_group("your own data"))
    published = parser.add_argument_group("a published data set")
    published.add_argument("--source", metavar="NAME", help="which: see `ptmrec list sources`")
    published.add_argument(
        "--category-name", metavar="NAME", help="of a source that has several, as its files are called"
    )
    published.add_argument("--files", type=Path, metavar="FOLDER", help="where its files lie; else they are downloaded")
    kept = parser.add_argument_group("what is kept, and the split")
    kept.add_argument(
        "--keep", action="append", metavar="CONDITION", help="such as 'rating>=4', event=buy,cart, 'time<2020'"
    )
    kept.add_argument("--min-rating", type=float, metavar="R", help="leave out interactions rated less")
    kept.add_argument(
        "--k-core", type=_cores, metavar="K", help="fewest interactions of a user and an item; K,L for both apart"
    )
    kept.add_argument("--split-rule", choices=RULES, help="how rows are held out; also: make a new split")
    kept.add_argument("--ratio", type=_shares, metavar="A,B,C", help="shares of train, valid, test (0.8,0.1,0.1)")
    kept.add_argument("--since", type=_names, metavar="V,T", help="with --split-rule time: when valid and test begin")
    kept.add_argument("--seed", type=int, help="of the random splits")
    kept.add_argument("--split", type=Path, metavar="FILE", help="take this .inter, with its id maps beside it")
    parser.add_argument("--no-images", action="store_true", help="gather no images now")
    parser.add_argument(
        "--allow-private-hosts",
        action="store_true",
        help="fetch what data name from this machine and private networks too",
    )
    parser.add_argument("--force", action="store_true", help="make it anew if it was prepared with other options")
    parser.add_argument("overrides", nargs="*", metavar="key=value", help="override a key of the YAML files")


def _add_tables(own: argparse._ArgumentGroup) -> None:
    own.add_argument("--interactions", metavar="FILE", help="table with a row an interaction, or a user with items")
    own.add_argument("--valid", metavar="FILE", help="validation part of a split; --interactions is for training then")
    own.add_argument("--test", metavar="FILE", help="test part of a split")
    own.add_argument("--items", metavar="FILE", help="table with a row an item")
    own.add_argument("--images", type=Path, metavar="DIR", help="image files: <item id>.*, or as the items name them")
    for name, what in COLUMNS.items():
        own.add_argument(f"--{name}", metavar="COLUMN", help=what)
    own.add_argument("--id", dest="items_id", metavar="COLUMN", help="raw item id, in the items")
    own.add_argument("--text", type=_names, metavar="A,B,C", help="columns of the items that make the text, in order")
    own.add_argument(
        "--columns", type=_names, metavar="A,B,C", help="names of the interactions' columns, without a header"
    )
    own.add_argument(
        "--item-columns", type=_names, metavar="A,B,C", help="names of the items' columns, without a header"
    )
    own.add_argument("--time-format", metavar="FORM", help="of times, such as %%d/%%m/%%Y")
    own.add_argument("--category-sign", metavar="SIGN", help="what divides categories in a text")
    own.add_argument("--raw-markup", action="store_true", help="leave HTML in texts")
    own.add_argument(
        "--image-features", type=Path, metavar="FILE", help="features made elsewhere: an array, or a folder"
    )
    own.add_argument("--text-features", type=Path, metavar="FILE", help="likewise, of the texts")
    own.add_argument("--feature-ids", type=Path, metavar="FILE", help="raw ids of the features' rows, one a line")


def given(args: argparse.Namespace, names: Iterable[str]) -> list[str]:
    """The flags of the named arguments whose values are not the defaults."""
    changed = [name for name in names if getattr(args, name) != DEFAULTS.get(name)]
    return ["--id" if name == "items_id" else f"--{name.replace('_', '-')}" for name in changed]


def elsewhere(data_path: str) -> str:
    """What a command must add where datasets do not lie in `data`; empty where they do."""
    return "" if data_path == "data" else " " + shlex.quote(f"data_path={data_path}")


def _names(text: str) -> list[str]:
    return [name.strip() for name in text.split(",")]


def _cores(text: str) -> tuple[int, int]:
    """Of users and of items."""
    parts = [int(part) for part in text.split(",")]
    if len(parts) > 2:
        raise ValueError
    return parts[0], parts[-1]


def _shares(text: str) -> tuple[float, float, float]:
    parts = [float(part) for part in text.split(",")]
    if len(parts) != 3 or min(parts) < 0 or not parts[0] > 0 or not sum(parts) > 0:
        raise argparse.ArgumentTypeError(f"{text}: must be three shares, such as 0.8,0.1,0.1")
    train, valid, test = (part / sum(parts) for part in parts)
    return train, valid, test
