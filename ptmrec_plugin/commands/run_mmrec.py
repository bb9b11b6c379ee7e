"""`ptmrec run-mmrec`: a checkout's own main.py, unmodified, on today's numpy, scipy and torch."""

from __future__ import annotations

import argparse
import contextlib
import importlib.util
import logging
import os
import runpy
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

from mmrec_bridge.checkout import Checkout, mmrec_checkout
from mmrec_host.errors import ConfigError

from .install import add_home_argument


@contextlib.contextmanager
def _as_script(checkout: Checkout, arguments: Sequence[str]) -> Iterator[None]:
    """The process as `python main.py arguments` in the checkout would have it; root log handlers are MMRec's to set up.

    It stands in the checkout's `run_folder`.
    """
    root = logging.getLogger()
    saved, folder = (sys.argv, sys.path[:], root.handlers[:]), Path.cwd()
    sys.argv, sys.path[:0], root.handlers[:] = ["main.py", *arguments], [str(checkout.source)], []
    os.chdir(checkout.run_folder)
    try:
        yield
    finally:
        os.chdir(folder)
        sys.argv, sys.path[:], root.handlers[:] = saved


def run_main(home: Path, arguments: Sequence[str]) -> None:
    """Run main.py of the checkout at `home` with `arguments`; `ConfigError` if it is none or has no pandas."""
    from mmrec_bridge.shims import mmrec_shims
    from mmrec_bridge.world import absent_packages

    checkout = mmrec_checkout(home)
    if importlib.util.find_spec("pandas") is None:
        raise ConfigError("MMRec reads its data with pandas, which is not installed: pip install pandas")
    with mmrec_shims(absent=absent_packages(checkout.source)), _as_script(checkout, arguments):
        runpy.run_path(os.path.relpath(checkout.source / "main.py"), run_name="__main__")


class RunMMRec:
    """Runs MMRec's main.py in a checkout: any of its models, or PTMRec once it is installed there."""

    help = "run your MMRec checkout's main.py, unmodified, on today's libraries"

    def configure(self, parser: argparse.ArgumentParser) -> None:
        """Add the arguments."""
        add_home_argument(parser)
        parser.add_argument("arguments", nargs=argparse.REMAINDER, metavar="-- -m MODEL -d DATASET", help="for main.py")

    def run(self, args: argparse.Namespace) -> int:
        """Run main.py with what stands after `--`."""
        run_main(args.mmrec_home, args.arguments[1:] if args.arguments[:1] == ["--"] else args.arguments)
        return 0
