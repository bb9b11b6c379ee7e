"""`ptmrec show`: one HTML page to look at what a run recommends, or two runs side by side."""

from __future__ import annotations

import argparse
import logging
from pathlib import Path

from mmrec_host.config import parse_overrides
from mmrec_host.errors import ConfigError
from mmrec_host.plugins import add_plugin_arguments, load_plugins
from mmrec_host.registry import nearest
from mmrec_host.reporting.files import write_whole

from ..page.catalogue import read_catalogue
from ..page.document import write_page
from ..page.gather import gather
from ..page.sides import open_sides

log = logging.getLogger(__name__)

REPLACEABLE = ("data_path", "cache_path", "device", "threads")
EXAMPLES = """examples:
  --run runs/NAME/RUN                                     one run
  --run runs/NAME/FROZEN --run runs/NAME/TUNED            what tuning changed: where the second gained and lost
  --run RUN --users 20 --seed 7 --output look.html        more users, others drawn
  --run RUN data_path=/elsewhere/data                     where the data lie now

A run is its folder, with the model in it (save_model=true). The page is one file without scripts, which needs no
network; pictures come from the cache. Neighbours before and after tuning are those in frozen and tuned features.
"""


class ShowCommand:
    """Write one page about a run or a pair of runs."""

    help = "write one HTML page to look at: users, recommendations, neighbours, gains and losses"

    def configure(self, parser: argparse.ArgumentParser) -> None:
        """Add the arguments."""
        parser.epilog = EXAMPLES
        parser.add_argument(
            "--run",
            dest="runs",
            type=Path,
            action="append",
            required=True,
            metavar="RUN",
            help="folder of a finished run; given twice, the second is compared with the first",
        )
        page = Path("page.html")
        parser.add_argument("--output", type=Path, default=page, metavar="FILE", help=f"default: {page}")
        parser.add_argument("--users", type=int, default=8, metavar="N", help="users to show, default: 8")
        parser.add_argument("--items", type=int, default=8, metavar="N", help="items with neighbours, default: 8")
        parser.add_argument("--seed", type=int, default=0, metavar="S", help="of what is drawn at random, default: 0")
        parser.add_argument(
            "--category-field", metavar="KEY", help="key of items.jsonl; default: category, categories, genres or genre"
        )
        add_plugin_arguments(parser)
        parser.add_argument(
            "overrides", nargs="*", metavar="key=value", help=f"{', '.join(REPLACEABLE)} of this machine"
        )

    def run(self, args: argparse.Namespace) -> int:
        """Write the page and say where it is."""
        if len(args.runs) > 2:
            raise ConfigError(f"--run: given {len(args.runs)} times; a page shows one run, or two to compare.")
        if len(args.runs) == 2 and args.runs[0].resolve() == args.runs[1].resolve():
            raise ConfigError(f"--run {args.runs[0]}: given twice; name two runs to compare, or one.")
        for name in ("users", "items", "seed"):
            if getattr(args, name) < 0:
                raise ConfigError(f"--{name} {getattr(args, name)}: must be 0 or more.")
        replaced = parse_overrides(args.overrides, [])[None]
        if unknown := [key for key in replaced if key not in REPLACEABLE]:
            raise ConfigError(
                f"{unknown[0]}: a finished run keeps its settings{nearest(unknown[0], REPLACEABLE)} Only what belongs "
                f"to the machine may be given: {', '.join(REPLACEABLE)}."
            )
        load_plugins(args)
        sides = open_sides(args.runs, **replaced)
        shown = gather(sides, read_catalogue(sides[0].run, args.category_field), args.users, args.items, args.seed)
        page = write_page(shown).encode()
        write_whole(args.output, lambda file: file.write(page))
        print(f"written: {args.output} ({len(page) / 1e6:.1f} MB). Open it in a browser; it needs no network.")
        return 0
