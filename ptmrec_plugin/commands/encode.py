"""`ptmrec encode`: features of a dataset into the cache."""

from __future__ import annotations

import argparse

from mmrec_host.printable import say
from mmrec_host.ranks import is_main

from .encoding_arguments import add_encoding_arguments

EXAMPLES = """examples:
  -d mini encoder=offline                the frozen features, which training then only reads
  --run 20260101-120000                  the run's items, by its encoder with the adapter that it trained
  --run 20260101-120000 -d other         another dataset's items, by that encoder

Several processes share the work: `torchrun --nproc_per_node 2 main.py encode -d mini encoder=offline`.
"""


class EncodeCommand:
    """Encodes a dataset."""

    help = "encode a dataset's images and texts into the cache, with the frozen encoder or a run's tuned one"

    def configure(self, parser: argparse.ArgumentParser) -> None:
        """Add the arguments."""
        parser.epilog = EXAMPLES
        add_encoding_arguments(parser)

    def run(self, args: argparse.Namespace) -> int:
        """Encode, and say what is in the cache now."""
        from mmrec_host.data.features import MODALITIES

        from ..items.run_encoding import encoding_of

        encoding = encoding_of(args)
        for modality in encoding.modalities:
            rows, width = encoding.pooled(modality).shape
            tuned = "frozen" if encoding.tuned is None else f"adapter {encoding.tuned.digest}"
            if is_main():
                say(f"{MODALITIES[modality]}: {rows:,} items x {width}, {tuned}, in {encoding.items.store.path}")
        return 0
