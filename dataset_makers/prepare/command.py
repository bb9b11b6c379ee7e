"""`ptmrec prepare`: from public files or one's own tables to a dataset that every model here can run on."""

from __future__ import annotations

import argparse
import sys

from mmrec_host.printable import say

from .arguments import add_arguments


class PrepareCommand:
    """Makes a dataset folder from public files or from the user's own tables."""

    help = "make a dataset from public files or from your own tables and images"

    def configure(self, parser: argparse.ArgumentParser) -> None:
        """Add the arguments."""
        add_arguments(parser)

    def run(self, args: argparse.Namespace) -> int:
        """Prepare, and print the report; or say what a folder is."""
        if args.check is not None:
            from .check.folder import check_folder

            finding = check_folder(args.check)
            say(str(finding))
            return 0 if finding.runs else 2
        from .preparation import prepare
        from .read_options import read_options
        from .report import describe

        options = read_options(args)
        try:
            report = prepare(options)
        except KeyboardInterrupt:
            say("interrupted; the same command goes on where it was", file=sys.stderr)
            return 130
        say(describe(report, options.folder, str(options.folder.parent)))
        return 0
