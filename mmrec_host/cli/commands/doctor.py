"""`ptmrec doctor`: one screen on this machine, and whether what is needed is there and works."""

from __future__ import annotations

import argparse
from pathlib import Path

from ...config import parse_overrides
from ...config_layers import folders, read_layer
from ...errors import ConfigError
from ...printable import say
from ...registry import nearest

PLACES = ("data_path", "cache_path", "run_path")


class DoctorCommand:
    """Checks the machine."""

    help = "check packages, devices, folders and the hub; exit code 1 if something that is required does not work"

    def configure(self, parser: argparse.ArgumentParser) -> None:
        """Add the arguments."""
        parser.add_argument("overrides", nargs="*", metavar="key=value", help=f"{', '.join(PLACES)}: other folders")

    def run(self, args: argparse.Namespace) -> int:
        """Print what is found, the problems last."""
        places = chosen_places(args.overrides)

        from ..checkup import check_all, screen

        sections = check_all(places)
        say(screen(sections))
        return 1 if any(section.problems for section in sections) else 0


def chosen_places(words: list[str]) -> dict[str, Path]:
    """The folders that a run would use; `ConfigError` for a key that is none of PLACES."""
    changes = parse_overrides(words, ())[None]
    for key in changes:
        if key not in PLACES:
            raise ConfigError(f"{key}: names no folder{nearest(key, PLACES)} Folders are {', '.join(PLACES)}.")
    files = [file for folder in reversed(folders()) if (file := folder / "overall.yaml").is_file()]
    values = {key: value for file in files for key, value in read_layer(file).values.items()}
    return {key: Path(str({**values, **changes}[key])) for key in PLACES}
