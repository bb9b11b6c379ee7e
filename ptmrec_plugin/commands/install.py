"""`ptmrec install` and `ptmrec uninstall`: PTMRec inside a user's own MMRec checkout, by two small files."""

from __future__ import annotations

import argparse
import shutil
from pathlib import Path

from mmrec_host.bridge.checkout import mmrec_checkout
from mmrec_host.bridge.clone import KNOWN_TO_WORK, MMREC, clone
from mmrec_host.errors import ConfigError
from mmrec_host.files import write_whole

MARKER = "# Written by `ptmrec install`, removed by `ptmrec uninstall`. Without this line the file is yours.\n"

STUB = f"""{MARKER}from ptmrec_plugin.in_mmrec import ptmrec_class

PTMRec = ptmrec_class()
"""

SETTINGS = f"""{MARKER}
# MMRec runs one "epoch" and scores what it leaves; within it, PTMRec trains by its own schedule.
req_training: False
epochs: 1
end2end: True
hyper_parameters: []

# PTMRec's own keys. Any other of its keys may be added; its `epochs` is called stage1_epochs here.
base: mmrec:VBPR          # recommender that is trained on the encoder's features: this checkout's by mmrec:NAME, or
                          # PTMRec's own VBPR, Content, FREEDOM or LATTICE
reg_weight: 0.01          # the base's: MMRec's own grids begin with a value under which some barely learn
mode: two_stage           # two_stage | frozen | frozen_continued | frozen_kt | joint | joint_kt
encoder: vit-b-32         # see `ptmrec list encoders`
peft: lora                # see `ptmrec list peft`
"""

OUTPUTS = Path("log/ptmrec")  # in src/: runs and caches

FILES = {"src/models/ptmrec.py": STUB, "src/configs/model/PTMRec.yaml": SETTINGS}


def add_home_argument(parser: argparse.ArgumentParser) -> None:
    """Declare `--mmrec-home`."""
    parser.add_argument("--mmrec-home", type=Path, required=True, metavar="PATH", help="folder of the MMRec checkout")


def is_ours(path: Path) -> bool:
    """Whether the first line of the file at `path` says that `ptmrec install` wrote it."""
    with path.open("rb") as file:
        return file.readline().rstrip(b"\r\n") == MARKER.rstrip("\n").encode()


def _foreign(home: Path) -> list[str]:
    return [str(path) for name in FILES if (path := home / name).exists() and not is_ours(path)]


def install(home: Path) -> list[Path]:
    """Put the stub and the YAML into the checkout; returns what was written.

    A YAML of ours that the user has edited is kept. Raises `ConfigError`, with nothing written, if a file of that name
    is not ours.
    """
    home = mmrec_checkout(home)
    if foreign := _foreign(home):
        raise ConfigError(f"{' and '.join(foreign)}: not written by `ptmrec install`, left alone. Rename it and retry.")
    written = []
    for name, text in FILES.items():
        path = home / name
        if path.exists() and (path.suffix == ".yaml" or path.read_text(encoding="utf-8") == text):
            continue
        write_whole(path, text.encode())
        written.append(path)
    return written


def uninstall(home: Path) -> list[Path]:
    """Take our files (and the stub's bytecode) away; returns what was removed.

    `ConfigError`, after ours are gone, if a file of that name is not ours: it stays.
    """
    home = mmrec_checkout(home)
    foreign = _foreign(home)
    removed = [path for name in FILES if (path := home / name).exists() and str(path) not in foreign]
    for path in removed:
        path.unlink()
        for bytecode in (path.parent / "__pycache__").glob("ptmrec.*.pyc"):
            bytecode.unlink()
    if foreign:
        raise ConfigError(f"{' and '.join(foreign)}: not written by `ptmrec install`, left in place.")
    return removed


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
            print(
                f"cloned into {args.mmrec_home}" if cloned else f"{args.mmrec_home} is there; its commit is left alone"
            )
        elif args.url or args.ref:
            raise ConfigError("--from and --at say what --clone gets; add --clone, or leave them out.")
        for path in install(args.mmrec_home):
            print(f"wrote {path}")
        print(f"PTMRec is installed. Try: ptmrec run-mmrec --mmrec-home {args.mmrec_home} -- -m PTMRec -d baby")
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
            print(f"removed {path}")
        print("PTMRec is uninstalled." if removed else "Nothing to remove.")
        outputs = args.mmrec_home / "src" / OUTPUTS
        if outputs.is_dir() and args.runs:
            shutil.rmtree(outputs)
            print(f"deleted {outputs}")
        elif outputs.is_dir():
            print(f"Your runs and the cached features stay in {outputs}; --runs deletes them.")
        return 0
