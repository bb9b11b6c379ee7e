"""`ptmrec run`: train models on a dataset and print one table."""

from __future__ import annotations

import argparse
import functools
import sys
from contextlib import ExitStack
from datetime import datetime, timezone
from pathlib import Path

from ...config import Config, known_keys, load_config, parse_overrides
from ...errors import ConfigError
from ...printable import say
from ...ranks import is_main
from ..jobs_arguments import add_jobs_arguments, check_jobs_arguments, engine_of
from ..listed_values import expand
from ..plugins import add_plugin_arguments, load_plugins
from ..search_arguments import add_search_arguments, check_search_arguments, search_all

EXAMPLES = """examples:
  -m PTMRec -d mini                                       one model on the embedded dataset
  -m PTMRec VBPR FREEDOM -d mini --seeds 3                three models, one table
  -m PTMRec -d mini base=FREEDOM mode=frozen              keys of the YAML files, overridden
  -m PTMRec VBPR -d mini PTMRec.epochs=50                 a key of one of the models
  -m PTMRec -d mini "peft=[lora,adapter,side]"            a run for each value, one table; so for any key of one value
  -m PTMRec -d mini "mode=[two_stage,frozen_kt]"          likewise: tuning, and the control that tunes nothing
  -m PTMRec VBPR -d mini --seeds 3 --jobs auto            several runs at a time, as many as fit
  -m VBPR -d mini --search                                the grid under `search` in its YAML, by validation
  -m VBPR -d mini --search optuna --trials 30 --jobs 2    samples of it, two at a time
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
        add_jobs_arguments(parser)
        add_plugin_arguments(parser)
        add_search_arguments(parser)
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
        check_search_arguments(args)
        args.model, args.overrides = _split_overrides(args.model, args.overrides)
        load_plugins(args)
        if args.seeds < 1:
            raise ConfigError(f"--seeds {args.seeds}: must be 1 or more.")
        check_jobs_arguments(args)
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
            return search_all(configs, args)
        return train_all(configs, args)


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


def train_all(configs: list[Config], args: argparse.Namespace) -> int:
    """Run every model under every seed on the same split and features, then print their table, and what they cost.

    What one run needs of another model, such as a teacher of PTMRec, is not run twice.
    """
    from ...jobs.display import Display
    from ...jobs.job import Job, Outcome, builds_on_others
    from ...jobs.run import encode_once, run_jobs
    from ...reporting.render import render
    from ...reporting.tables import results_table
    from ...runs.record import RunRecord

    runs = [
        config.replaced(seed=seed)
        for config in configs
        for seed in range(int(config["seed"]), int(config["seed"]) + args.seeds)
    ]
    engine = engine_of(args, lambda: runs)
    many = engine.n_jobs > 1
    work = functools.partial(_train, since=datetime.now(timezone.utc))  # noqa: UP017 (Python 3.10)
    jobs = [Job(f"{run.label()}, seed {run['seed']}", work, engine.share(run)) for run in runs]
    found: dict[Job, Path] = {}
    failed: list[Outcome] = []
    shown = not args.quiet
    try:
        with ExitStack() as stack:
            display = stack.enter_context(Display("runs", "run", len(jobs), 0, shown)) if many else None
            stack.enter_context(engine)
            if many:
                encode_once(runs, engine, shown)
            in_order = sorted(jobs, key=lambda job: many and builds_on_others(job.config))
            for job, outcome in run_jobs(in_order, engine, display):
                if outcome.error is None:
                    found[job] = outcome.value
                else:
                    failed.append(outcome)
                    if display is not None and outcome.trace is not None:
                        say(outcome.trace, file=sys.stderr)
    finally:  # what has been measured is shown, whatever ended the rest
        records = [RunRecord.load(found[job]) for job in jobs if job in found]
        for table in results_table(records) if is_main() else []:
            say(render(table, costs=args.cost))
    mendable = not records and all(outcome.trace is None for outcome in failed)
    return (2 if mendable else 1) if failed else 0


def _train(config: Config, since: datetime) -> Path:
    from ...runs.engine import run

    return run(config, since=since).record.path
