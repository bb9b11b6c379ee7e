"""`ptmrec table`: the results table of the runs on a dataset."""

from __future__ import annotations

import argparse
import logging
from pathlib import Path

from ...config_layers import require_dataset_name
from ...errors import ConfigError
from ...files import write_whole
from ...outputs import require_output
from ...printable import say
from ...reporting import FORMATS
from ..run_argument import add_runs_root, no_finished_run

log = logging.getLogger(__name__)


class TableCommand:
    """Print the results of the runs on a dataset."""

    help = "print the results table of the runs on a dataset, with significance"

    def configure(self, parser: argparse.ArgumentParser) -> None:
        """Add the arguments."""
        parser.add_argument("-d", "--dataset", required=True, metavar="NAME", help="whose runs")
        parser.add_argument("--format", choices=FORMATS, default="text", help="default: text")
        add_runs_root(parser)
        parser.add_argument("--metrics", type=_names, metavar="NAMES", help="such as recall@20,ndcg@20")
        parser.add_argument("--cost", action="store_true", help="also parameters, time, memory and what tuning cost")
        parser.add_argument("--output", type=Path, metavar="FILE", help="write there instead of printing")
        parser.add_argument("--force", action="store_true", help="replace the files that --output and --plot name")
        parser.add_argument(
            "--plot", type=Path, metavar="FILE", help="also draw a point a row into a picture, such as x.png"
        )
        parser.add_argument(
            "--axes",
            type=_names,
            metavar="X,Y",
            help="columns that --plot draws (default: time and the first metric), such as 's/epoch,valid gain'",
        )

    def run(self, args: argparse.Namespace) -> int:
        """Print one table a protocol, draw the first; `DataError` if no run has finished."""
        if args.axes is not None and (args.plot is None or len(args.axes) != 2):
            raise ConfigError("--axes: must name two columns, as X,Y, and belongs to --plot FILE.")
        require_dataset_name(args.dataset)
        for path in filter(None, (args.output, args.plot)):
            require_output(path, args.force)
        from ...reporting.render import render
        from ...reporting.scatter import draw_scatter
        from ...reporting.tables import results_table
        from ...runs.record import find_runs

        runs = find_runs(args.runs, args.dataset)
        tables = results_table(runs, args.metrics)
        if not tables:
            raise no_finished_run(args.dataset, len(runs), args.runs)
        to_terminal = False if args.output else None
        text = "\n\n".join(render(table, args.format, args.cost, to_terminal) for table in tables)
        if args.plot is not None:
            metric = next(column.name for column in tables[0].columns if column.kind == "metric")
            draw_scatter(tables[0], args.axes or ["time", metric], args.plot)
            log.info("drawn: %s", args.plot)
        if args.output is None:
            say(text)
        else:
            write_whole(args.output, f"{text}\n".encode())
            log.info("written: %s", args.output)
        return 0


def _names(text: str) -> list[str]:
    return [name.strip() for name in text.split(",") if name.strip()]
