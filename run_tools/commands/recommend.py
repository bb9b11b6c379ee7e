"""`ptmrec recommend`: what a finished run recommends."""

from __future__ import annotations

import argparse
from pathlib import Path

from mmrec_host.cli.run_argument import add_run_arguments, open_named_run
from mmrec_host.errors import ConfigError
from mmrec_host.files import write_whole
from mmrec_host.outputs import require_output
from mmrec_host.printable import say

EXAMPLES = """examples:
  --run last --user 5                                     the ten best items for user 5, by the run that finished last
  --run 120000 --item B0012XYZ -k 5                       by the end of the run's name; an item by its original id
  --run last --items B0012XYZ B0034ABC                    for somebody who came after training and took these
  --run 120000 --text "red clay pot" --image pot.jpg      an item that the catalogue does not have
  --run 120000 --all-users --output all.jsonl             a line of JSON for each user
"""


class RecommendCommand:
    """Recommends with a finished run."""

    help = "recommend items to users, find similar items, or place a new one by its text or image"

    def configure(self, parser: argparse.ArgumentParser) -> None:
        """Add the arguments."""
        parser.epilog = EXAMPLES
        add_run_arguments(parser)
        parser.add_argument(
            "--user", nargs="+", default=[], metavar="U", help="original id or index; index:N for an index"
        )
        parser.add_argument("--all-users", action="store_true", help="every user, as lines of JSON")
        parser.add_argument(
            "--item", metavar="I", help="items alike; of a described one that nobody took also the users"
        )
        parser.add_argument(
            "--items", nargs="+", default=[], metavar="I", help="what a user took who came after training"
        )
        parser.add_argument("--text", help="of a new item: nearest items, and the users most likely to take it")
        parser.add_argument("--image", type=Path, metavar="FILE", help="of a new item, alone or beside --text")
        parser.add_argument("-k", type=int, default=10, help="length of the lists; default: 10")
        parser.add_argument("--include-taken", action="store_true", help="also items taken in training or validation")
        parser.add_argument("--json", action="store_true", help="a line of JSON for each user, instead of tables")
        parser.add_argument("--output", type=Path, metavar="FILE", help="write lines of JSON there")
        parser.add_argument("--force", action="store_true", help="replace the file that --output names")

    def run(self, args: argparse.Namespace) -> int:
        """Recommend; nothing is loaded if the question is unclear."""
        for name in ("user", "items"):  # `--user 5 device=cpu` gives argparse one list
            words = getattr(args, name)
            args.overrides += [word for word in words if "=" in word]
            setattr(args, name, [word for word in words if "=" not in word])
        described = bool(args.text) or args.image is not None
        asked = [bool(args.user), args.all_users, args.item is not None, bool(args.items), described]
        if sum(asked) != 1:
            raise ConfigError(
                "recommend: say one of --user, --all-users, --item, --items, and --text or --image or both."
            )
        if args.k < 1:
            raise ConfigError(f"-k {args.k}: must be 1 or more.")
        if args.output is not None:
            require_output(args.output, args.force)
        from ..answers import answers_to, as_text
        from ..named_answers import as_json

        run = open_named_run(args)
        answers = answers_to(args, run)
        if args.output is not None:
            write_whole(args.output, lambda file: file.writelines(f"{as_json(x)}\n".encode() for x in answers))
        elif args.json or args.all_users:
            for answer in answers:
                say(as_json(answer))
        else:
            say("\n\n".join(as_text(answer, run) for answer in answers))
        return 0
