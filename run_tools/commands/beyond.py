"""`ptmrec beyond`: what the lists of finished runs are like beyond accuracy."""

from __future__ import annotations

import argparse
from pathlib import Path

from mmrec_host.cli.plugins import add_plugin_arguments, load_plugins
from mmrec_host.cli.run_argument import KEYS, add_runs_root, machine_keys, no_finished_run
from mmrec_host.config_layers import require_dataset_name
from mmrec_host.errors import ConfigError
from mmrec_host.files import write_whole
from mmrec_host.outputs import require_output
from mmrec_host.printable import say
from mmrec_host.reporting import FORMATS

EXAMPLES = """examples:
  -d mini                                     lists of ten items, all metrics, a row a model
  -d mini -k 10,20 --metrics coverage,novelty
  -d mini --category-field style --format md --output lists.md

Finished runs are opened and rank the test split again; nothing is trained, and no result of theirs is changed. Their
models must have been kept (save_model=true). docs/metrics.md defines each metric; a plugin can register another.
"""


class BeyondCommand:
    """Print what the lists of the runs on a dataset are like beyond accuracy."""

    help = "how much of the catalogue the lists of runs show, how popular, novel, diverse and calibrated they are"

    def configure(self, parser: argparse.ArgumentParser) -> None:
        """Add the arguments."""
        parser.epilog = EXAMPLES
        parser.add_argument("-d", "--dataset", required=True, metavar="NAME", help="whose runs")
        parser.add_argument(
            "-k", type=_names, default=["10"], metavar="K", help="lengths of the lists, such as 10,20; default: 10"
        )
        parser.add_argument("--metrics", type=_names, metavar="NAMES", help="such as coverage,novelty; default: all")
        parser.add_argument(
            "--category-field", metavar="KEY", help="key of items.jsonl; default: category, categories, genres or genre"
        )
        parser.add_argument("--format", choices=FORMATS, default="text", help="default: text")
        add_runs_root(parser)
        parser.add_argument("--output", type=Path, metavar="FILE", help="write there instead of printing")
        parser.add_argument("--force", action="store_true", help="replace the file that --output names")
        add_plugin_arguments(parser)
        parser.add_argument("overrides", nargs="*", metavar="key=value", help=KEYS)

    def run(self, args: argparse.Namespace) -> int:
        """Print one table a protocol; `DataError` if no run has finished."""
        if not args.k or any(not k.isdecimal() or int(k) < 1 for k in args.k):
            raise ConfigError(f"-k {','.join(args.k)}: must be whole numbers, 1 or more, such as 10,20.")
        require_dataset_name(args.dataset)
        if args.output is not None:
            require_output(args.output, args.force)
        from mmrec_host.reporting.render import render
        from mmrec_host.runs.record import find_runs

        from ..beyond.metrics import LIST_METRICS
        from ..beyond.table import beyond_accuracy

        load_plugins(args)
        metrics = [name.lower() for name in args.metrics or LIST_METRICS.names()]
        ks = sorted({int(k) for k in args.k})
        runs = find_runs(args.runs, args.dataset)
        tables = beyond_accuracy(runs, metrics, ks, args.category_field, **machine_keys(args))
        if not tables:
            raise no_finished_run(args.dataset, len(runs), args.runs)
        text = "\n\n".join(render(table, args.format) for table in tables)
        if args.output is None:
            say(text)
        else:
            write_whole(args.output, f"{text}\n".encode())
            say(f"written: {args.output}")
        return 0


def _names(text: str) -> list[str]:
    return [name.strip() for name in text.split(",") if name.strip()]
