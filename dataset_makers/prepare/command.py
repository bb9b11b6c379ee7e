"""`ptmrec prepare`: from public files or one's own tables to a dataset that every model here can run on."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from mmrec_host.errors import ConfigError

if TYPE_CHECKING:
    from .preparation import Source

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
RULES = ("last", "mmrec")  # those of split_rules
DEFAULTS = {"k_core": 5, "split_rule": "mmrec", "seed": 999}
IGNORED_WITH_SPLIT = ("interactions", "user", "item", "rating", "time", "min_rating", *DEFAULTS)


class PrepareCommand:
    """Makes a dataset folder from public files or from the user's own tables."""

    help = "make a dataset from public files or from your own tables and images"

    def configure(self, parser: argparse.ArgumentParser) -> None:
        """Add the arguments."""
        parser.epilog = EXAMPLES
        parser.set_defaults(**DEFAULTS)
        parser.add_argument("name", help="baby, sports, clothing, elec, or a name of yours")
        own = parser.add_argument_group("your own data")
        own.add_argument("--interactions", type=Path, metavar="FILE", help="table with a row an interaction")
        own.add_argument("--items", type=Path, metavar="FILE", help="table with a row an item")
        own.add_argument(
            "--images", type=Path, metavar="DIR", help="image files: <item id>.*, or as the items name them"
        )
        for name, what in COLUMNS.items():
            own.add_argument(f"--{name}", metavar="COLUMN", help=what)
        own.add_argument("--id", dest="items_id", metavar="COLUMN", help="raw item id, in the items")
        own.add_argument(
            "--text", type=_names, metavar="A,B,C", help="columns of the items that make the text, in order"
        )
        own.add_argument("--min-rating", type=float, metavar="R", help="leave out interactions rated less")
        kept = parser.add_argument_group("what is kept, and the split")
        kept.add_argument("--k-core", type=int, metavar="K", help="fewest interactions of a user and an item")
        kept.add_argument("--split-rule", choices=RULES, help="random by user, or leave the last out")
        kept.add_argument("--seed", type=int, help="of the random split")
        kept.add_argument("--split", type=Path, metavar="FILE", help="take this .inter, with its id maps beside it")
        parser.add_argument("--no-images", action="store_true", help="gather no images now")
        parser.add_argument("--force", action="store_true", help="make it anew if it was prepared with other options")
        parser.add_argument("overrides", nargs="*", metavar="key=value", help="override a key of the YAML files")

    def run(self, args: argparse.Namespace) -> int:
        """Prepare, and print the report."""
        if args.k_core < 1 or args.seed < 0:
            raise ConfigError(f"--k-core {args.k_core} --seed {args.seed}: must be 1 or more, and 0 or more.")
        if not args.name or "=" in args.name or Path(args.name).name != args.name or args.name.startswith("."):
            raise ConfigError(f"{args.name!r} is no name for a dataset: its folder is called so.")
        from mmrec_host.config import load_config, parse_overrides

        from .amazon import AmazonSource
        from .own_data import OwnSource
        from .preparation import Selection, prepare
        from .report import describe

        config = load_config("prepare", args.name, overrides=parse_overrides(args.overrides, ())[None])
        folder = Path(config["data_path"]) / args.name
        if config["dataset_maker"] not in (None, "prepare"):
            raise ConfigError(
                f"{args.name!r} is made by {config['dataset_maker']!r} when it is first used (-d {args.name}). Prepare "
                "your data under another name."
            )
        if args.split is not None:
            _refuse(_given(args, IGNORED_WITH_SPLIT), "the split and its id maps (--split) say which rows there are.")
        progress = bool(config["progress"]) and not args.quiet
        source: Source
        if args.interactions or args.items or args.images:
            source = OwnSource(args)
        elif config["source_reviews"] or config["source_metadata"]:
            _refuse(
                _given(args, (*COLUMNS, "items_id", "text", "min_rating")),
                "only for your own tables (--interactions, --items). What makes the text of Amazon's items is the key "
                "text_fields.",
            )
            needed = ("source_metadata",) if args.split else ("source_reviews", "source_metadata")
            absent = [key for key in needed if not config[key]]
            if absent:
                raise ConfigError(f"{', '.join(absent)}: must be an address or a local file: {absent[0]}=FILE.")
            source = AmazonSource(config, folder / "downloads", progress)
        else:
            raise ConfigError(
                f"{args.name!r} is none of the public datasets (baby, sports, clothing, elec); for your own data, say "
                "--interactions FILE, and --items FILE and --images DIR for its texts and images."
            )
        selection = Selection(args.k_core, args.split_rule, args.seed, args.split)
        try:
            report = prepare(
                *(folder, config, source, selection),
                with_images=not args.no_images,
                force=args.force,
                progress=progress,
            )
        except KeyboardInterrupt:
            print("interrupted; the same command goes on where it was", file=sys.stderr)
            return 130
        print(describe(report, folder, config["data_path"]))
        return 0


def _given(args: argparse.Namespace, names: Iterable[str]) -> list[str]:
    """The flags of the named arguments whose values are not the defaults."""
    given = [name for name in names if getattr(args, name) != DEFAULTS.get(name)]
    return ["--id" if name == "items_id" else f"--{name.replace('_', '-')}" for name in given]


def _refuse(flags: list[str], reason: str) -> None:
    if flags:
        raise ConfigError(f"{', '.join(flags)}: {reason}")


def _names(text: str) -> list[str]:
    return [name.strip() for name in text.split(",")]
