"""`ptmrec export`: what a run learned, as files for other programs."""

from __future__ import annotations

import argparse
import logging
from pathlib import Path
from typing import TYPE_CHECKING

from mmrec_host.cli.run_argument import open_named_run
from mmrec_host.errors import ConfigError
from mmrec_host.outputs import require_outside
from mmrec_host.printable import say

from .encoding_arguments import add_encoding_arguments

if TYPE_CHECKING:
    from ..export.formats import Write

log = logging.getLogger(__name__)

EXAMPLES = """examples:
  features --run 120000 --to ../MMRec/data/baby --force   tuned features for any MMRec checkout
  features -d mini --to feats encoder=offline             frozen ones
  vectors --run 120000 --to vectors --format parquet      user and item vectors, with ids and titles
  adapter --run 120000 --to my-adapter                    the adapter with a model card
  encoder --run 120000 --to my-clip                       the tuned encoder, for open_clip or Hugging Face alone
  ranking --run 120000 --to ranking                       the test split's rankings, for trec_eval and its like
"""

FORMATS: dict[str, tuple[str, ...]] = {
    "vectors": ("npy", "parquet"),
    "ranking": ("trec", "parquet"),
}  # the first is the default


class ExportCommand:
    """Exports features, vectors, the adapter, the merged encoder or rankings."""

    help = "export features for MMRec, user and item vectors, the adapter, the merged encoder, or rankings"

    def configure(self, parser: argparse.ArgumentParser) -> None:
        """Add the arguments."""
        parser.epilog = EXAMPLES
        parser.add_argument("what", choices=["features", "vectors", "adapter", "ranking", "encoder"])
        add_encoding_arguments(parser)
        parser.add_argument("--to", type=Path, required=True, metavar="DIR", help="folder; made if it is not there")
        parser.add_argument("--force", action="store_true", help="replace files of the same names")
        said = "of vectors: npy (default) or parquet; of a ranking: trec (default) or parquet"
        parser.add_argument("--format", choices=sorted({f for known in FORMATS.values() for f in known}), help=said)

    def run(self, args: argparse.Namespace) -> int:
        """Write the files and name them."""
        from ..export.files import write_files

        there = next((place for place in (args.to, *args.to.parents) if place.exists()), args.to)
        if there.exists() and not there.is_dir():
            raise ConfigError(
                f"--to {args.to}: must be a folder, and {'' if there == args.to else f'{there} '}is a file."
            )
        require_outside(args.to, also=True, may=("a data folder",) if args.what == "features" else ())
        for path in write_files(args.to, _files(args), args.force):
            say(f"wrote {path}")
        stale = sorted(path.name for path in args.to.glob("*_adj_*.pt")) if args.what == "features" else []
        if stale:
            log.warning(
                "%s: MMRec's models saved item graphs of the features before there, and will read them again: %s. "
                "Delete them.",
                args.to, ", ".join(stale),
            )  # fmt: skip
        return 0


def _files(args: argparse.Namespace) -> dict[str, Write]:
    from ..export.encoder import encoder_files
    from ..export.files import adapter_files, feature_files, vector_files
    from ..export.ranking import ranking_files
    from ..items.run_encoding import encoding_of

    formats = FORMATS.get(args.what, ())
    if args.format is not None and args.format not in formats:
        allowed = " or ".join(formats) or "has one format; leave --format out"
        raise ConfigError(f"export {args.what} --format {args.format}: {allowed}.")
    if args.what == "features" and (args.run is None or args.dataset is not None):
        encoding = encoding_of(args)
        return feature_files({m: encoding.features(m) for m in encoding.modalities})
    if args.run is None or args.dataset is not None:
        raise ConfigError(f"export {args.what}: name the run with --run RUN, and no dataset; it is the run's.")
    run = open_named_run(args)
    if args.what == "vectors":
        return vector_files(run, args.format or formats[0])
    if args.what == "encoder":
        return encoder_files(run)
    if args.what == "ranking":
        return ranking_files(run, args.format or formats[0])
    if args.what == "adapter":
        return adapter_files(run)
    tables = run.item_features()
    if not tables:
        raise ConfigError(f"{run.record.path}: {run.config['model']} reads no item features; -d NAME has frozen ones.")
    return feature_files(tables)
