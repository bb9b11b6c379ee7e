"""What says on the command line which items are encoded, and by which encoder."""

from __future__ import annotations

import argparse

from mmrec_host.cli.run_argument import KEYS, add_run_arguments


def add_encoding_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare `-d`, and what `--run` needs."""
    keys = f"with -d alone, any key of the YAML files; with --run, {KEYS}"
    add_run_arguments(parser, keys, required=False)
    parser.add_argument("-d", "--dataset", metavar="NAME", help="whose items; with --run by default the run's")
