"""`ptmrec pack` and `ptmrec unpack`: a finished run as one file, and back."""

from __future__ import annotations

import argparse
from pathlib import Path

from mmrec_host.cli.run_argument import RUN, add_runs_root, find_run
from mmrec_host.outputs import require_output
from mmrec_host.printable import say

TO_PACK = """examples:
  --run last --output best.zip                            then, elsewhere: ptmrec unpack best.zip

The pack holds the run's record, its model and adapter, and no data: who unpacks it needs the same data folder for
recommend and show; table needs none. Its config.yaml names the folders that the run used.
"""
TO_UNPACK = """examples:
  best.zip                                                to runs/NAME/RUN
  best.zip --runs elsewhere

Every file is checked against its digest; nothing in a pack is run.
"""


class PackCommand:
    """Write a finished run to one file."""

    help = "write a finished run to one file, to be used elsewhere"

    def configure(self, parser: argparse.ArgumentParser) -> None:
        """Add the arguments."""
        parser.epilog = TO_PACK
        parser.add_argument("--run", required=True, metavar="RUN", help=RUN)
        parser.add_argument("--output", type=Path, required=True, metavar="FILE", help="such as run.zip")
        parser.add_argument("--force", action="store_true", help="replace the file that --output names")
        add_runs_root(parser)

    def run(self, args: argparse.Namespace) -> int:
        """Pack, and say where."""
        require_output(args.output, args.force)
        from ..pack import pack_run

        n = pack_run(find_run(args.run, args.runs), args.output)
        say(f"written: {args.output} ({n} files, {args.output.stat().st_size / 1e6:.1f} MB)")
        return 0


class UnpackCommand:
    """Put a packed run among the runs."""

    help = "put a packed run among the runs, for table, show and recommend"

    def configure(self, parser: argparse.ArgumentParser) -> None:
        """Add the arguments."""
        parser.epilog = TO_UNPACK
        parser.add_argument("pack", type=Path, metavar="FILE", help="what `ptmrec pack` wrote")
        add_runs_root(parser)

    def run(self, args: argparse.Namespace) -> int:
        """Unpack, and say where."""
        from ..pack import unpack_run

        folder = unpack_run(args.pack, args.runs)
        say(f"unpacked: {folder}")
        say(f"next: ptmrec recommend --run {folder} --user 0, or ptmrec table -d {folder.parent.name}")
        return 0
