"""What the tests of `ptmrec prepare` share: the command, a log of interactions, the files that came of it."""

from __future__ import annotations

import argparse
import random
from pathlib import Path
from types import SimpleNamespace

from dataset_makers.prepare.command import PrepareCommand
from mmrec_host.cli.main import gather_overrides
from mmrec_host.config import Config
from mmrec_host.data.dataset import load_dataset
from run_tools.page.item_content import read_item_content

N_USERS, N_ITEMS = 30, 24


def prepare(*words: str, everywhere: bool = True) -> int:
    """The command; `everywhere`, as with the server of the tests, data may name private hosts."""
    words = (*words, *(["--allow-private-hosts"] if everywhere else []))
    parser, command = argparse.ArgumentParser(), PrepareCommand()
    command.configure(parser)
    args, rest = parser.parse_known_args(list(words))
    args.quiet, args.overrides = True, gather_overrides(args, rest, parser)
    return command.run(args)


def categories(config: Config) -> dict[int, list[str]]:
    """What `ptmrec show` reads of the items of a dataset."""
    run = SimpleNamespace(dataset=load_dataset(config), config=config)
    return read_item_content(run).categories


def tree(folder: Path) -> dict[str, bytes]:
    return {p.name: p.read_bytes() for p in sorted(folder.iterdir()) if p.is_file()}


def taken(seed: int = 0) -> list[tuple[int, int, int]]:
    """User, item and time of a log in which everybody has 10 rows."""
    rng = random.Random(seed)
    rows = [(user, item) for user in range(N_USERS) for item in rng.sample(range(N_ITEMS), 10)]
    return [(user, item, 1_300_000_000 + 1000 * n) for n, (user, item) in enumerate(rows)]
