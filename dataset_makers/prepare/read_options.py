"""From the command line and the dataset's YAML to the options of a preparation, checked as a whole."""

from __future__ import annotations

import argparse
from pathlib import Path

from mmrec_host.config import Config, load_config, parse_overrides
from mmrec_host.errors import ConfigError

from .arguments import COLUMNS, IGNORED_WITH_SPLIT, given
from .options import AmazonFiles, OwnTables, PrepareOptions, Selection
from .web import Reach


def read_options(args: argparse.Namespace) -> PrepareOptions:
    """What the command line and the dataset's YAML say together.

    Raises:
        ConfigError: something is wrong, contradictory or missing; all that is.
    """
    errors = _argument_errors(args)
    config: Config | None = None
    if _is_name(args.name):
        try:
            config = load_config("prepare", args.name, overrides=parse_overrides(args.overrides, ())[None])
            errors += _source_errors(args, config)
        except ConfigError as error:
            errors.append(str(error))
    if errors or config is None:
        raise ConfigError("\n".join(errors))
    return PrepareOptions(
        folder=Path(config["data_path"]) / args.name,
        config=config,
        source=_own_tables(args) if _has_own(args) else _amazon_files(config),
        selection=Selection(args.k_core, args.split_rule, args.seed, args.split),
        image_host=config["image_host"],
        reach=Reach.of(_named_addresses(config), args.allow_private_hosts),
        with_images=not args.no_images,
        force=args.force,
        progress=bool(config["progress"]) and not args.quiet,
    )


def _has_own(args: argparse.Namespace) -> bool:
    return bool(args.interactions or args.items or args.images)


def _own_tables(args: argparse.Namespace) -> OwnTables:
    return OwnTables(
        interactions=args.interactions,
        items=args.items,
        images=args.images,
        of_interactions={name: getattr(args, name) for name in ("user", "item", "rating", "time")},
        of_items={"id": args.items_id, **{name: getattr(args, name) for name in ("title", "image", "category")}},
        text=args.text,
        min_rating=args.min_rating,
    )


def _amazon_files(config: Config) -> AmazonFiles:
    names = ("source_reviews", "source_metadata", "text_fields", "published_counts")
    return AmazonFiles(*(config[name] for name in names))


def _named_addresses(config: Config) -> list[str]:
    """The addresses that are the user's own: of the command line or `mmrec_configs/`; a data folder may set none."""
    keys = ("source_reviews", "source_metadata", "image_host")
    return [str(config[key]) for key in keys if config[key]]


def _is_name(name: str) -> bool:
    return bool(name) and "=" not in name and Path(name).name == name and not name.startswith(".")


def _argument_errors(args: argparse.Namespace) -> list[str]:
    """What is wrong with the arguments, whatever the dataset."""
    errors = []
    if not _is_name(args.name):
        errors.append(f"{args.name!r} is no name for a dataset: its folder is called so.")
    if args.k_core < 1 or args.seed < 0:
        errors.append(f"--k-core {args.k_core} --seed {args.seed}: must be 1 or more, and 0 or more.")
    ignored = given(args, IGNORED_WITH_SPLIT) if args.split is not None else []
    if ignored:
        errors.append(f"{', '.join(ignored)}: the split and its id maps (--split) say which rows there are.")
    if _has_own(args) and args.interactions is None and args.split is None:
        errors.append("own data need --interactions FILE, or a finished split with --split FILE.")
    return errors


def _source_errors(args: argparse.Namespace, config: Config) -> list[str]:
    """What is wrong with where the data shall come from."""
    if config["dataset_maker"] not in (None, "prepare"):
        return [
            f"{args.name!r} is made by {config['dataset_maker']!r} when it is first used (-d {args.name}). Prepare "
            "your data under another name."
        ]
    if _has_own(args):
        return []
    if not config["source_reviews"] and not config["source_metadata"]:
        return [
            f"{args.name!r} is none of the public datasets (baby, sports, clothing, elec); for your own data, say "
            "--interactions FILE, and --items FILE and --images DIR for its texts and images."
        ]
    errors = []
    flags = given(args, (*COLUMNS, "items_id", "text", "min_rating"))
    if flags:
        errors.append(
            f"{', '.join(flags)}: only for your own tables (--interactions, --items). What makes the text of Amazon's "
            "items is the key text_fields."
        )
    needed = ("source_metadata",) if args.split else ("source_reviews", "source_metadata")
    absent = [key for key in needed if not config[key]]
    if absent:
        errors.append(f"{', '.join(absent)}: must be an address or a local file: {absent[0]}=FILE.")
    if config["text_fields"] is None:
        errors.append("text_fields: must list the fields of the metadata that make an item's text.")
    return errors
