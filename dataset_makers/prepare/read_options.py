"""From the command line and the dataset's YAML to the options of a preparation, checked as a whole."""

from __future__ import annotations

import argparse
import math
from pathlib import Path
from typing import Any

from mmrec_host.config import Config, known_keys, load_config, parse_overrides
from mmrec_host.errors import ConfigError, noted

from .arguments import IGNORED_WITH_SPLIT, K_CORE, OF_INTERACTIONS, OF_ITEMS, ONLY_OWN, RULE, given
from .conditions import read_condition
from .interactions_table import Asked, parts_beside
from .items_table import AskedItems
from .named_sources import apply_source
from .options import AmazonFiles, FeatureFiles, OwnTables, PrepareOptions, Selection
from .split_rules import WITH_RATIO, Rule
from .tables.times import as_time
from .web import Reach

# Of Amazon's data of 2014 under any name; datasets with a YAML file have their own.
AMAZON: dict[str, Any] = {"source_reviews": None, "source_metadata": None, "published_counts": [], "image_host": None}
AMAZON |= {"text_fields": ["title", "brand", "categories", "description"], "source_megabytes": []}


def read_options(args: argparse.Namespace) -> PrepareOptions:
    """What the command line and the dataset's YAML say together.

    Raises:
        ConfigError: something is wrong, contradictory or missing; all that is.
    """
    errors: list[str] = []
    config: Config | None = None
    if args.source is not None and args.split is None:
        with noted(errors):
            apply_source(args)
    errors += _argument_errors(args)
    if _is_name(args.name):
        with noted(errors):
            config = _config(args)
            errors += _source_errors(args, config)
    rule = Rule()
    with noted(errors):
        rule = _rule(args)
    if errors or config is None:
        raise ConfigError("\n".join(errors))
    has_split = bool(args.test or args.label)
    k, k_items = args.k_core or ((1, 1) if has_split else (K_CORE, K_CORE))
    return PrepareOptions(
        folder=Path(config["data_path"]) / args.name,
        config=config,
        source=_own_tables(args, rule) if _is_own(args, config) else _amazon_files(config),
        selection=Selection(k, k_items, rule, args.split),
        features=_features(args),
        image_host=config["image_host"],
        reach=Reach.of(_named_addresses(args, config), args.allow_private_hosts),
        with_images=not args.no_images,
        force=args.force,
        progress=bool(config["progress"]) and not args.quiet,
    )


def _config(args: argparse.Namespace) -> Config:
    """The dataset's configuration, with Amazon's keys whatever its name."""
    overrides = dict(parse_overrides(args.overrides, ())[None])
    known = known_keys("prepare", args.name, {})
    amazon = {key: overrides.pop(key, default) for key, default in AMAZON.items() if key not in known}
    return load_config("prepare", args.name, overrides=overrides).replaced(**amazon)


def _has_own(args: argparse.Namespace) -> bool:
    return bool(args.interactions or args.items or args.images)


def _is_own(args: argparse.Namespace, config: Config) -> bool:
    """Whether Amazon's files are not meant; a split alone gets no texts and pictures."""
    return _has_own(args) or bool(args.split and not config["source_metadata"])


def _own_tables(args: argparse.Namespace, rule: Rule) -> OwnTables:
    files: dict[str, int | None] = {args.interactions: None} if args.interactions else {}
    if args.test:
        files = {args.interactions: 0, **({args.valid: 1} if args.valid else {}), args.test: 2}
    return OwnTables(
        interactions=files,
        items=args.items,
        images=args.images,
        asked=Asked(
            named={name: getattr(args, name) for name in OF_INTERACTIONS},
            names=args.columns,
            min_rating=args.min_rating,
            keep=tuple(map(read_condition, args.keep)),
            time_format=args.time_format,
            ordered=rule.ordered and not args.test and not args.label,
            new_split=args.split_rule is not None,
        ),
        asked_items=AskedItems(
            named={"id": args.items_id} | {name: getattr(args, name) for name in OF_ITEMS},
            names=args.item_columns,
            text=args.text,
            sign=args.category_sign,
            markup=args.raw_markup,
            published=args.source is not None,
        ),
    )


def _features(args: argparse.Namespace) -> FeatureFiles:
    files = {"v": args.image_features, "t": args.text_features}
    return FeatureFiles({modality: path for modality, path in files.items() if path}, args.feature_ids)


def _rule(args: argparse.Namespace) -> Rule:
    """The split rule; `ConfigError` if its parts do not fit each other."""
    name = args.split_rule or RULE
    if args.ratio and name not in WITH_RATIO:
        raise ConfigError(f"--ratio: belongs to --split-rule {', '.join(WITH_RATIO)}.")
    since = None
    if args.since:
        points = [as_time(text, args.time_format) for text in args.since]
        if name != "time" or len(points) != 2 or any(map(math.isnan, points)) or points[0] >= points[1]:
            raise ConfigError(
                f"--since {','.join(args.since)}: must be two times, the earlier first, such as 2020-01-01,2020-02-01, "
                "with --split-rule time."
            )
        since = points[0], points[1]
    return Rule(name, args.seed, args.ratio or Rule.ratio, since)


def _amazon_files(config: Config) -> AmazonFiles:
    names = ("source_reviews", "source_metadata", "text_fields", "published_counts")
    return AmazonFiles(*(config[name] for name in names))


def _named_addresses(args: argparse.Namespace, config: Config) -> list[str]:
    """The addresses that are the user's own: of the command line or `mmrec_configs/`; a data folder may set none."""
    keys = ("source_reviews", "source_metadata", "image_host")
    tables = (args.interactions, args.valid, args.test, args.items)
    return [str(config[key]) for key in keys if config[key]] + [table for table in tables if table and "://" in table]


def _is_name(name: str) -> bool:
    return bool(name) and "=" not in name and Path(name).name == name and not name.startswith(".")


def _argument_errors(args: argparse.Namespace) -> list[str]:
    """What is wrong with the arguments, whatever the dataset."""
    errors = []
    if not _is_name(args.name):
        errors.append(f"{args.name!r} is no name for a dataset: its folder is called so.")
    if min(args.k_core or (1,)) < 1 or args.seed < 0:
        shown = ",".join(map(str, dict.fromkeys(args.k_core or ()))) or str(K_CORE)
        errors.append(f"--k-core {shown} --seed {args.seed}: must be 1 or more, and 0 or more.")
    ignored = given(args, IGNORED_WITH_SPLIT) if args.split is not None else []
    if ignored:
        errors.append(f"{', '.join(ignored)}: the split and its id maps (--split) say which rows there are.")
    if _has_own(args) and args.interactions is None and args.split is None:
        errors.append("own data need --interactions FILE, or a finished split with --split FILE.")
    if (args.valid or args.test) and not (args.interactions and args.test):
        errors.append("--valid, --test: a split in several files needs --interactions TRAIN, and --test TEST.")
    if args.split_rule and (args.test or args.label):
        errors.append("--split-rule: makes a new split, and --test or --label takes the one that there is.")
    if args.feature_ids and not (args.image_features or args.text_features):
        errors.append("--feature-ids: belongs to --image-features or --text-features.")
    if args.interactions and not args.test and not args.split_rule and not args.label:
        beside = [str(path) for path in parts_beside(Path(args.interactions))]
        if beside:
            valid = f"--valid {beside[0]} " if len(beside) > 1 else ""
            errors.append(
                f"{args.interactions} is the training part of a split: {valid}--test {beside[-1]} takes the other "
                "parts too; --split-rule RULE makes a new split of this part alone."
            )
    return errors


def _source_errors(args: argparse.Namespace, config: Config) -> list[str]:
    """What is wrong with where the data shall come from."""
    if config["dataset_maker"] not in (None, "prepare"):
        return [
            f"{args.name!r} is made by {config['dataset_maker']!r} when it is first used (-d {args.name}). Prepare "
            "your data under another name."
        ]
    if args.source or _has_own(args) or (_is_own(args, config) and config["source_reviews"] is None):
        return []
    if not config["source_reviews"] and not config["source_metadata"]:
        return [
            f"{args.name!r} is none of the public datasets (baby, sports, clothing, elec); for your own data, say "
            "--interactions FILE, and --items FILE and --images DIR for its texts and images; for another published "
            "one, --source NAME (ptmrec list sources)."
        ]
    errors = []
    flags = given(args, ONLY_OWN)
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
