"""The command line: `python main.py -m MODEL -d DATASET`, which is `ptmrec run`, and the other subcommands."""

from __future__ import annotations

import argparse
import io
import sys
from collections.abc import Sequence
from typing import Any, Protocol

from ..errors import ConfigError
from ..printable import printable, say
from ..ranks import is_main, leave, rank
from ..registry import Registry
from .log_handler import OUR_PACKAGES


class Command(Protocol):
    """A subcommand; packages add theirs in the entry-point group `mmrec.commands`."""

    help: str

    def configure(self, parser: argparse.ArgumentParser) -> None:
        """Add the arguments."""

    def run(self, args: argparse.Namespace) -> int:
        """Do it; the returned number is the exit code."""


class VersionAction(argparse.Action):
    """`--version`; argparse's own wants the version before anybody has asked for it."""

    def __call__(self, parser: argparse.ArgumentParser, *args: Any) -> None:
        """Print it and leave."""
        from ..version import DISTRIBUTION, __version__

        say(f"{DISTRIBUTION} {__version__}")
        parser.exit()


LONGEST = 2000
"""Characters of a line of a message: a file may hold names without end."""

COMMANDS = Registry("command", group="mmrec.commands")


def build_parser(prog: str, names: Sequence[str]) -> argparse.ArgumentParser:
    """The parser with the named subcommands."""
    parser = argparse.ArgumentParser(
        prog=prog,
        description="Multimodal recommendation with tuned encoders. Without a subcommand, `run` is meant: "
        f"`{prog} -m PTMRec -d mini` trains PTMRec on the embedded dataset.",
    )
    parser.add_argument("--version", nargs=0, action=VersionAction, help="print the version")
    subparsers = parser.add_subparsers(dest="command", metavar="COMMAND", required=True)
    for name in names:
        try:
            command: Command = COMMANDS.get(name)()
        except ConfigError as error:  # somebody's broken package must not take the other commands away
            say(f"warning: {error}", file=sys.stderr)
            continue
        sub = subparsers.add_parser(
            name, help=command.help, description=command.help, formatter_class=argparse.RawDescriptionHelpFormatter
        )
        verbosity = sub.add_mutually_exclusive_group()
        verbosity.add_argument("-v", "--verbose", action="store_true", help="log every epoch")
        verbosity.add_argument("-q", "--quiet", action="store_true", help="only warnings and results; no progress bars")
        command.configure(sub)
        sub.set_defaults(handler=command)
    return parser


def start_logging(args: argparse.Namespace) -> None:
    """Log to stderr, above progress bars; our own packages at the level that -v or -q asks for."""
    import logging

    from ..log_format import LogFormatter
    from .log_handler import TqdmHandler

    handler = TqdmHandler(sys.stderr)
    handler.setFormatter(LogFormatter("%(message)s"))
    logging.basicConfig(level=logging.WARNING, handlers=[handler])
    level = logging.DEBUG if args.verbose else logging.WARNING if args.quiet else logging.INFO
    if not is_main():  # says the same
        level = logging.ERROR
    for package in OUR_PACKAGES:
        logging.getLogger(package).setLevel(level)


def main(argv: Sequence[str] | None = None, prog: str = "ptmrec") -> int:
    """Run the command line; 0 is success, 1 a failed run, 2 something that the user can mend."""
    try:
        code = _main(argv, prog)
    except Exception as error:
        from .unforeseen import bug_message

        _complain(bug_message(error))
        code = 1
    leave(code)
    return code


def _show_what_can_be_shown() -> None:
    """A sign that the terminal's encoding lacks becomes `?`, and no command ends by it."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")


def _main(argv: Sequence[str] | None, prog: str) -> int:
    _show_what_can_be_shown()
    argv = list(sys.argv[1:] if argv is None else argv)
    of_all = ("--version", "-h", "--help") if prog == "ptmrec" else ("--version",)
    if argv and argv[0].startswith("-") and argv[0] not in of_all:
        argv.insert(0, "run")
    one = argv[:1] if argv and argv[0] in COMMANDS else []
    try:
        parser = build_parser(prog, one or ([] if argv[:1] == ["--version"] else COMMANDS.names()))
        args, rest = parser.parse_known_args(argv)
        args.overrides = gather_overrides(args, rest, parser)
        start_logging(args)
        return args.handler.run(args)
    except KeyboardInterrupt:
        resumed = "; the same command with --resume goes on with a run or a search" if one == ["run"] else ""
        say(f"interrupted{resumed}", file=sys.stderr)
        return 130
    except BrokenPipeError:
        return 0
    except Exception as error:
        return report(error)


def gather_overrides(args: argparse.Namespace, rest: list[str], parser: argparse.ArgumentParser) -> list[str]:
    """`key=value` words may stand anywhere on the line; argparse takes only one row of them."""
    strangers = [word for word in rest if word.startswith("-") or "=" not in word or not hasattr(args, "overrides")]
    if strangers:
        parser.error(f"unrecognized arguments: {' '.join(strangers)}")
    return [*getattr(args, "overrides", []), *rest]


def report(error: Exception) -> int:
    """Print an error that is a message for the user and return its exit code; any other error is raised."""
    code: Any = getattr(error, "exit_code", None)
    if code is not None:
        _complain(str(error))
        return code
    from .unforeseen import system_message

    if (message := system_message(error)) is None:
        raise error
    _complain(message)
    return 2


def _complain(message: str) -> None:
    who = "" if is_main() else f"process {rank()}: "
    lines = (
        line if len(line) <= LONGEST else f"{line[: LONGEST // 2]} … {line[-LONGEST // 2 :]}"
        for line in message.split("\n")
    )
    message = "\n".join(lines)
    sys.stderr.write(printable(f"{who}error: {message}\n"))  # in one piece, since others may write there too
