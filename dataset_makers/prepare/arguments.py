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
  ptmrec prepare mine --interactions clicks.csv --items products.csv --images pictures/
                                                       your own tables; pictures/<item id>.jpg
  ptmrec prepare films --interactions ratings.csv --items movies.csv --min-rating 3.5
                                                       MovieLens, from the files of its archive

Tables are CSV, TSV, JSON lines (each also as .gz) or Parquet. Columns are guessed from their names and shown; name
them with --user, --item, --rating, --time (interactions), --id, --title, --text, --image, --category (items; an image
is an address or a file name). Run it again after an interruption, or for images that failed: only what is missing is
done.
Amazon's datasets have their keys (addresses, text_fields, published_counts) in mmrec_configs/dataset/NAME.yaml;
key=value overrides them.
"""

COLUMNS = {
    "user": "raw user id, in the interactions",
    "item": "raw item id, in the interactions",
    "rating": "rating, in the interactions",
    "time": "time, in the interactions",
    "title": "title, in the items",
    "image": "address or file name of the image, in the items",
    "category": "categories, in the items: a list, or a text divided by |",
}
RULES = ("last", "mmrec")  # those of split_rules, without its imports
DEFAULTS = {"k_core": 5, "split_rule": "mmrec", "seed": 999}
IGNORED_WITH_SPLIT = ("interactions", "user", "item", "rating", "time", "min_rating", *DEFAULTS)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare what `ptmrec prepare` can be asked for."""
    parser.epilog = EXAMPLES
    parser.set_defaults(**DEFAULTS)
    parser.add_argument("name", help="baby, sports, clothing, elec, or a name of yours")
    own = parser.add_argument_group("your own data")
    own.add_argument("--interactions", type=Path, metavar="FILE", help="table with a row an interaction")
    own.add_argument("--items", type=Path, metavar="FILE", help="table with a row an item")
    own.add_argument("--images", type=Path, metavar="DIR", help="image files: <item id>.*, or as the items name them")
    for name, what in COLUMNS.items():
        own.add_argument(f"--{name}", metavar="COLUMN", help=what)
    own.add_argument("--id", dest="items_id", metavar="COLUMN", help="raw item id, in the items")
    own.add_argument("--text", type=_names, metavar="A,B,C", help="columns of the items that make the text, in order")
    own.add_argument("--min-rating", type=float, metavar="R", help="leave out interactions rated less")
    kept = parser.add_argument_group("what is kept, and the split")
    kept.add_argument("--k-core", type=int, metavar="K", help="fewest interactions of a user and an item")
    kept.add_argument("--split-rule", choices=RULES, help="random by user, or leave the last out")
    kept.add_argument("--seed", type=int, help="of the random split")
    kept.add_argument("--split", type=Path, metavar="FILE", help="take this .inter, with its id maps beside it")
    parser.add_argument("--no-images", action="store_true", help="gather no images now")
    parser.add_argument(
        "--allow-private-hosts",
        action="store_true",
        help="fetch what data name from this machine and private networks too",
    )
    parser.add_argument("--force", action="store_true", help="make it anew if it was prepared with other options")
    parser.add_argument("overrides", nargs="*", metavar="key=value", help="override a key of the YAML files")


def given(args: argparse.Namespace, names: Iterable[str]) -> list[str]:
    """The flags of the named arguments whose values are not the defaults."""
    changed = [name for name in names if getattr(args, name) != DEFAULTS.get(name)]
    return ["--id" if name == "items_id" else f"--{name.replace('_', '-')}" for name in changed]


def elsewhere(data_path: str) -> str:
    """What a command must add where datasets do not lie in `data`; empty where they do."""
    return "" if data_path == "data" else " " + shlex.quote(f"data_path={data_path}")


def _names(text: str) -> list[str]:
    return [name.strip() for name in text.split(",")]
