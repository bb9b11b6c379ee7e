"""`ptmrec run`: train models on a dataset and print one table."""

from __future__ import annotations

import argparse
from datetime import datetime, timezone
from pathlib import Path

from ...config import Config, known_keys, load_config, parse_overrides
from ...errors import ConfigError
from ...printable import say
from ...ranks import is_main, n_processes
from ..listed_values import expand
from ..main import report
from ..plugins import add_plugin_arguments, load_plugins

EXAMPLES = """examples:
  -m PTMRec -d mini                                       one model on the embedded dataset
  -m PTMRec VBPR FREEDOM -d mini --seeds 3                three models, one table
  -m PTMRec -d mini base=FREEDOM mode=frozen              keys of the YAML files, overridden
  -m PTMRec VBPR -d mini PTMRec.epochs=50                 a key of one of the models
  -m PTMRec -d mini "peft=[lora,adapter,side]"            a run for each value, one table; so for any key of one value
  -m PTMRec -d mini "mode=[two_stage,frozen_kt]"          likewise: tuning, and the control that tunes nothing
  -m PTMRec -d mini --dry-run                             what would run, and what it would cost
  -m FREEDOM mmrec:FREEDOM -d mini new_items=0 --mmrec-home ../MMRec   beside an MMRec checkout's model as it is

Several processes share the encoder's work: `torchrun --nproc_per_node 2 main.py -m PTMRec -d mini`.

Other commands (`list`, `table`, `install`, …) stand in place of -m: see `ptmrec -h`.
"""


class RunCommand:
    """Train models on a dataset and print one table."""

    help = "train models on a dataset and print one results table"

    def configure(self, parser: argparse.ArgumentParser) -> None:
        """Add the arguments."""
        parser.epilog = EXAMPLES
        parser.add_argument("-m", "--model", nargs="+", required=True, metavar="MODEL", help="see `ptmrec list models`")
        parser.add_argument("-d", "--dataset", required=True, help="see `ptmrec list datasets`")
        parser.add_argument(
            "--seeds", type=int, default=1, metavar="N", help="so many seeds, counted from the key `seed`"
        )
        parser.add_argument(
            "--config", type=Path, action="append", default=[], metavar="FILE", help="YAML file of keys to override"
        )
        add_plugin_arguments(parser)
        parser.add_argument(
            "--search",
            action="store_true",
            help="try the grid under `search` in each model's YAML, by the validation split alone",
        )
        parser.add_argument("--cost", action="store_true", help="a second table: parameters, time, memory, tuning")
        parser.add_argument(
            "--resume",
            action="store_true",
            help="go on with interrupted runs and searches of the same settings; finished ones are not run again",
        )
        parser.add_argument(
            "--dry-run", action="store_true", help="print configuration, data counts and estimated cost; train nothing"
        )
        parser.add_argument(
            "overrides",
            nargs="*",
            metavar="key=value",
            help="override a key of the YAML files; Model.key=value for one model; key=[a,b]: a run for each",
        )

    def run(self, args: argparse.Namespace) -> int:
        """Train what is asked for; a failed run does not stop the others."""
        args.model, args.overrides = _split_overrides(args.model, args.overrides)
        load_plugins(args)
        if args.seeds < 1:
            raise ConfigError(f"--seeds {args.seeds}: must be 1 or more.")
        configs = resolve(args)
        for config in configs:
            config["progress"] = config["progress"] and not args.quiet and is_main()
            config["resume"] = config["resume"] or args.resume
        if args.dry_run:
            from . import dry_run

            for config in configs:
                if is_main():
                    say(dry_run.describe(config))
            return 0
        if args.search:
            from ...reporting.render import render
            from ...reporting.searches import search_table
            from ...runs.search import grid_search

            for config in configs:
                ranked = grid_search(config)
                if is_main():
                    say(render(search_table(config, ranked)))
            return 0
        return train_all(configs, args.seeds, args.cost)


def _split_overrides(models: list[str], overrides: list[str]) -> tuple[list[str], list[str]]:
    """`-m A B key=value` gives argparse one list: what has an equals sign is an override."""
    return [m for m in models if "=" not in m], [m for m in models if "=" in m] + overrides


def resolve(args: argparse.Namespace) -> list[Config]:
    """A configuration for each model and each choice of listed values; a key may be unknown to some, not to all."""
    from ...models.base import MODELS

    for name in args.model:
        MODELS.get(name)
    parsed = parse_overrides(args.overrides, args.model)
    runs = [
        (name, changes)
        for name in args.model
        for changes in expand(name, args.dataset, {**parsed[None], **parsed.get(name, {})})
    ]
    known: dict[str, set[str]] = {}
    for name, changes in runs:
        known.setdefault(name, set()).update(known_keys(name, args.dataset, changes, args.config))
    anywhere = set().union(*known.values())
    return [
        load_config(
            name,
            args.dataset,
            overrides=changes,
            files=args.config,
            elsewhere=known[name]
            | (anywhere - set(parsed.get(name, {}))),  # what is addressed to a model, it must know
        )
        for name, changes in runs
    ]


def train_all(configs: list[Config], n_seeds: int, costs: bool) -> int:
    """Run every model under every seed on the same split and features, then print their table, and what they cost.

    What one run needs of another model, such as a teacher of PTMRec, is not run twice.
    """
    from ...reporting.render import render
    from ...reporting.tables import results_table
    from ...runs.engine import run

    records, failed = [], 0
    began = datetime.now(timezone.utc)  # noqa: UP017 (Python 3.10)
    try:
        for config in configs:
            for seed in range(int(config["seed"]), int(config["seed"]) + n_seeds):
                try:
                    records.append(run(config.replaced(seed=seed), since=began).record)
                except Exception as error:
                    if n_processes() > 1:  # the others may be waiting for this one, who must not go on alone
                        raise
                    report(error)  # raises what is no message for the user
                    failed += 1
    finally:  # what has been measured is shown, whatever ended the rest
        for table in results_table(records) if is_main() else []:
            say(render(table, costs=costs))
    return 2 if failed and not records else 1 if failed else 0
