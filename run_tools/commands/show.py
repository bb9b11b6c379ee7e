"""`ptmrec show`: one HTML page on what a run recommends, on two runs side by side, or over all runs on a dataset."""

from __future__ import annotations

import argparse
from pathlib import Path

from mmrec_host.cli.plugins import load_plugins
from mmrec_host.cli.run_argument import RUN, add_run_arguments, find_run, machine_keys, no_finished_run
from mmrec_host.config_layers import require_dataset_name
from mmrec_host.errors import ConfigError
from mmrec_host.files import write_whole
from mmrec_host.outputs import PAGE_MARK, require_output
from mmrec_host.printable import say

EXAMPLES = """examples:
  -d mini                                                 all runs on a dataset: leaderboard, tests, curves, cost
  --run runs/NAME/RUN                                     one run
  --run runs/NAME/FROZEN --run runs/NAME/TUNED            what tuning changed: where the second gained and lost
  --run RUN --users 20 --seed 7 --output look.html        more users, others drawn
  --run RUN data_path=/elsewhere/data                     where the data lie now

The model of a run must have been kept (save_model=true). The page is one file without scripts, which needs no
network; pictures come from the cache. Neighbours before and after tuning are those in frozen and tuned features.
"""


class ShowCommand:
    """Write one page about a run, a pair of runs, or all runs on a dataset."""

    help = "write one HTML page to look at: a run or two, with recommendations, or all runs on a dataset"

    def configure(self, parser: argparse.ArgumentParser) -> None:
        """Add the arguments."""
        parser.epilog = EXAMPLES
        said = f"{RUN}; given twice, the second is compared with the first"
        add_run_arguments(parser, action="append", help=said, required=False, default=[])
        parser.add_argument("-d", "--dataset", metavar="NAME", help="all runs on this dataset, instead of --run")
        page = Path("page.html")
        parser.add_argument("--output", type=Path, default=page, metavar="FILE", help=f"default: {page}")
        parser.add_argument("--force", action="store_true", help="replace a file that is no such page")
        parser.add_argument("--users", type=int, default=8, metavar="N", help="users to show, default: 8")
        parser.add_argument("--items", type=int, default=8, metavar="N", help="items with neighbours, default: 8")
        parser.add_argument("--seed", type=int, default=0, metavar="S", help="of what is drawn at random, default: 0")
        parser.add_argument(
            "--category-field", metavar="KEY", help="key of items.jsonl; default: category, categories, genres or genre"
        )

    def run(self, args: argparse.Namespace) -> int:
        """Write the page and say where it is."""
        if bool(args.run) == (args.dataset is not None):
            raise ConfigError("show: say --run RUN, once or twice, or -d NAME.")
        if len(args.run) > 2:
            raise ConfigError(f"--run: given {len(args.run)} times; a page shows one run, or two to compare.")
        folders = [find_run(name, args.runs) for name in args.run]
        if len(folders) == 2 and folders[0].resolve() == folders[1].resolve():
            raise ConfigError(f"--run {args.run[1]}: given twice; name two runs to compare, or one.")
        for name in ("users", "items", "seed"):
            if getattr(args, name) < 0:
                raise ConfigError(f"--{name} {getattr(args, name)}: must be 0 or more.")
        require_output(args.output, args.force, PAGE_MARK)
        page = (self._of_dataset(args) if args.dataset else self._of_runs(args, folders)).encode()
        write_whole(args.output, page)
        say(f"written: {args.output} ({len(page) / 1e6:.1f} MB). Open it in a browser; it needs no network.")
        return 0

    def _of_dataset(self, args: argparse.Namespace) -> str:
        require_dataset_name(args.dataset)
        from mmrec_host.runs.record import find_runs

        from ..leaderboard.page import write_leaderboard

        runs = find_runs(args.runs, args.dataset)
        if not (page := write_leaderboard(args.dataset, runs)):
            raise no_finished_run(args.dataset, len(runs), args.runs)
        return page

    def _of_runs(self, args: argparse.Namespace, folders: list[Path]) -> str:
        from ..page.document import write_page
        from ..page.item_content import read_item_content
        from ..page.page_content import collect
        from ..page.sides import open_sides

        load_plugins(args)
        sides = open_sides(folders, **machine_keys(args))
        content = read_item_content(sides[0].run, args.category_field)
        shown = collect(sides, content, args.users, args.items, args.seed)
        return write_page(shown)
