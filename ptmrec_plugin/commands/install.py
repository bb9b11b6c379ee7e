"""`ptmrec install` and `ptmrec uninstall`: PTMRec inside a user's own MMRec checkout."""

from __future__ import annotations

import argparse
import shutil
from pathlib import Path

from mmrec_bridge.clone import KNOWN_TO_WORK, MMREC, clone
from mmrec_host.errors import ConfigError
from mmrec_host.printable import say

from ..checkout.install import OUTPUTS, install, uninstall


def add_home_argument(parser: argparse.ArgumentParser) -> None:
    """Declare `--mmrec-home`."""
    parser.add_argument("--mmrec-home", type=Path, required=True, metavar="PATH", help="folder of the MMRec checkout")


class InstallCommand:
    """Puts two files into an MMRec checkout, so that its `main.py -m PTMRec` works."""

    help = "put PTMRec into your MMRec checkout (two files; nothing else is edited)"

    def configure(self, parser: argparse.ArgumentParser) -> None:
        """Add the arguments."""
        add_home_argument(parser)
        parser.add_argument("--clone", action="store_true", help="get MMRec with git first, if PATH is not there")
        parser.add_argument("--from", dest="url", metavar="URL", help=f"what --clone clones; default {MMREC}")
        parser.add_argument(
            "--at", dest="ref", metavar="REF", help=f"branch, tag or commit; default {KNOWN_TO_WORK[:7]}, known to work"
        )

    def run(self, args: argparse.Namespace) -> int:
        """Install, say what was written and how to go on."""
        if args.clone:
            cloned = clone(args.mmrec_home, args.url, args.ref)
            say(f"cloned into {args.mmrec_home}" if cloned else f"{args.mmrec_home} is there; its commit is left alone")
        elif args.url or args.ref:
            raise ConfigError("--from and --at say what --clone gets; add --clone, or leave them out.")
        for path in install(args.mmrec_home):
            say(f"wrote {path}")
        say(f"PTMRec is installed. Try: ptmrec run-mmrec --mmrec-home {args.mmrec_home} -- -m PTMRec -d baby")
        return 0


class UninstallCommand:
    """Takes the two files out of an MMRec checkout again."""

    help = "take PTMRec out of your MMRec checkout"

    def configure(self, parser: argparse.ArgumentParser) -> None:
        """Add the arguments."""
        add_home_argument(parser)
        parser.add_argument("--runs", action="store_true", help="also delete the runs and caches, src/log/ptmrec")

    def run(self, args: argparse.Namespace) -> int:
        """Uninstall, say what was removed and what stays."""
        removed = uninstall(args.mmrec_home)
        for path in removed:
            say(f"removed {path}")
        say("PTMRec is uninstalled." if removed else "Nothing to remove.")
        outputs = args.mmrec_home / "src" / OUTPUTS
        if outputs.is_dir() and args.runs:
            shutil.rmtree(outputs)
            say(f"deleted {outputs}")
        elif outputs.is_dir():
            say(f"Your runs and the cached features stay in {outputs}; --runs deletes them.")
        return 0
