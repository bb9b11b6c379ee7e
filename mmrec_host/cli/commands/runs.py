"""`ptmrec runs`: the runs that there are."""

from __future__ import annotations

import argparse
from datetime import datetime
from typing import Any

from ...config_layers import require_dataset_name
from ...errors import DataError
from ...printable import say
from ..run_argument import add_runs_root


class RunsCommand:
    """List runs, the newest last."""

    help = "list runs, the newest last: when, how it ended, metric on test, seed, settings, folder"

    def configure(self, parser: argparse.ArgumentParser) -> None:
        """Add the arguments."""
        parser.add_argument("-d", "--dataset", metavar="NAME", help="of this dataset; default: of all")
        add_runs_root(parser)

    def run(self, args: argparse.Namespace) -> int:
        """Print two lines a run, what came out and where it lies; `DataError` if there is none."""
        if args.dataset is not None:
            require_dataset_name(args.dataset)
        from ...runs.order import ended
        from ...runs.record import find_runs

        records = sorted(find_runs(args.runs, args.dataset), key=lambda record: ended(record.info))
        if not records:
            of = f" on {args.dataset!r}" if args.dataset else ""
            raise DataError(f"no run{of} under {args.runs}. Run a model first, or name another folder with --runs.")
        for record in records:
            began = datetime.fromisoformat(record.info["started"]).astimezone()
            say(f"{began:%Y-%m-%d %H:%M}  {record.status:<11}  {line(record.info)}\n  {record.path}")
        return 0


def line(info: dict[str, Any]) -> str:
    """What came out, the seed, and what was run."""
    metric = info.get("valid_metric", "")
    value = (info.get("test") or {}).get(metric)
    reason = (info.get("error") or "").partition("\n")[0]
    outcome = f"  ({reason})" if reason else ""
    shown = f"{metric} {value:.4f}" if value is not None else "–"
    return f"{shown:<18}  seed {info['seed']}  {info['dataset']}: {info['label']}{outcome}"
