"""`ptmrec cache`: what the caches hold, whether it is as it was stored, and what to do where it is not."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from pathlib import Path

from mmrec_host.config_layers import folders, read_layer
from mmrec_host.errors import DataError
from mmrec_host.printable import say

EXAMPLES = """examples:
  list                     what encoders made of each dataset, and how large it is
  check                    reads everything, in a process of its own, and compares checksums
  repair cache/mini        drops damaged entries; a cache that cannot be read is put aside, under another name

What is missing afterwards is made anew by the next command that needs it. Images that `ptmrec prepare` has gathered lie
in such an environment too: data/NAME/images.lmdb.
"""


class CacheCommand:
    """Look after the caches."""

    help = "list what the caches hold, check that it is what was stored, repair it"

    def configure(self, parser: argparse.ArgumentParser) -> None:
        """Add the arguments."""
        parser.epilog = EXAMPLES
        root = Path(read_layer(folders()[-1] / "overall.yaml").values["cache_path"])
        parser.add_argument("what", choices=["list", "check", "repair"])
        parser.add_argument("caches", nargs="*", type=Path, metavar="FOLDER", help=f"default: all in {root}")
        parser.set_defaults(root=root)

    def run(self, args: argparse.Namespace) -> int:
        """Do it for each cache; 1 if `check` finds damage."""
        from feature_cache import CacheError, Store
        from feature_cache.repair import damaged_entries, drop, put_aside, unreadable

        code = 0
        for folder in _environments(args.caches, args.root):
            reason = unreadable(folder)
            if reason is not None:
                if args.what == "repair":
                    say(f"{folder}: {reason}; put aside as {put_aside(folder)}, and made anew when it is needed")
                else:
                    say(f"{folder}: damaged: {reason}; `ptmrec cache repair {folder}` puts it aside")
                    code = 1
                continue
            try:
                if args.what == "list":
                    say("\n".join(_listed(folder)))
                    continue
                damaged = damaged_entries(Store(folder))
                if args.what == "repair" and damaged:
                    drop(Store(folder), damaged)
            except CacheError as error:
                say(str(error))
                code = 1
                continue
            names = ", ".join(name.decode(errors="replace") for name in damaged[:3])
            said = f"{len(damaged)} damaged entries, such as {names}" if damaged else "as it was stored"
            done = "; they are dropped, and made anew when they are needed" if damaged and args.what == "repair" else ""
            say(f"{folder}: {said}{done}")
            code = 1 if damaged and args.what == "check" else code
        return code


def _environments(named: list[Path], root: Path) -> list[Path]:
    found = named or [file.parent for file in sorted(root.glob("*/data.mdb"))]
    if not found:
        raise DataError(f"there is no cache in {root}. Name the folder of one: the one that holds data.mdb.")
    if missing := [folder for folder in found if not (folder / "data.mdb").is_file()]:
        raise DataError(f"{missing[0]}: no cache: there is no data.mdb in it. Name the folder that holds one.")
    return found


def _listed(folder: Path) -> Iterator[str]:
    from feature_cache import Store, describe

    yield f"{folder}: {(folder / 'data.mdb').stat().st_size / 1e6:,.1f} MB"
    for each in describe(Store(folder)):
        done = "" if each.complete else f", {each.n_done} of them done"
        name = each.fields.get("model") or each.fields.get("encoder") or each.fingerprint[:12]
        yield f"  {each.label}: {each.n_items:,} items{done}, {each.nbytes / 1e6:,.1f} MB, {name}"
