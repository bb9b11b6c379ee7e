"""`--search`: what is searched how, and its tables."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from typing import Any

from ..config import Config
from ..errors import ConfigError
from ..printable import say
from ..ranks import is_main
from .jobs_arguments import engine_of

GRID, OPTUNA = "grid", "optuna"
PRUNERS = ("median", "halving", "none")


def add_search_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare `--search`, `--trials` and `--pruner`."""
    parser.add_argument(
        "--search",
        nargs="?",
        const=GRID,
        metavar=f"{GRID}|{OPTUNA}",
        help="try what stands under `search` in each model's YAML, by the validation split alone: the whole grid, or "
        "--trials samples of it by Optuna; a range {low: 1.0e-4, high: 0.1, log: true} is sampled only",
    )
    parser.add_argument("--trials", type=int, metavar="N", help="so many samples; default: 20")
    parser.add_argument(
        "--pruner", choices=PRUNERS, help="which samples Optuna breaks off that do badly on validation; default: median"
    )


def check_search_arguments(args: argparse.Namespace) -> None:
    """What argparse cannot tell: `--search key=value` is `--search` and a key.

    Raises:
        ConfigError: another kind of search; what belongs to Optuna, without it; no trial.
    """
    if args.search is not None and "=" in args.search:
        args.overrides, args.search = [args.search, *args.overrides], GRID
    if args.search not in (None, GRID, OPTUNA):
        raise ConfigError(f"--search {args.search}: must be {GRID} or {OPTUNA}.")
    for name in ("trials", "pruner"):
        if getattr(args, name) is not None and args.search != OPTUNA:
            raise ConfigError(f"--{name}: belongs to --search {OPTUNA}.")
    if args.trials is not None and args.trials < 1:
        raise ConfigError(f"--trials {args.trials}: must be 1 or more.")


def search_all(configs: list[Config], args: argparse.Namespace) -> int:
    """Search for each model's keys and print a table each."""
    from ..reporting.render import render
    from ..reporting.searches import search_table
    from ..searching.spaces import combinations, space_of

    search: Callable[..., list[dict[str, Any]]]
    if args.search == OPTUNA:
        from ..searching.sampled import sampled_search
        from ..searching.storage import optuna_or_message

        optuna_or_message()
        trials = args.trials or 20
        sizes = [trials for _ in configs]

        def search(config: Config, *how: Any) -> list[dict[str, Any]]:
            return sampled_search(config, trials, args.pruner or PRUNERS[0], *how)
    else:
        from ..searching.grid import grid_search as search

        sizes = [len(combinations(space_of(config))) for config in configs]
    engine = engine_of(args, lambda: [c for c, size in zip(configs, sizes, strict=True) for _ in range(size)])
    with engine:
        for config in configs:
            ranked = search(config, engine)
            if is_main():
                say(render(search_table(config, ranked)))
    return 0
