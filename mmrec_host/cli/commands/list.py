"""`ptmrec list`: what is known, one a line, with a few words each."""

from __future__ import annotations

import argparse
import textwrap
from pathlib import Path

from ...config_layers import known_yamls
from ...errors import ConfigError
from ...printable import say
from ...registry import Registry
from ..plugins import add_plugin_arguments, load_plugins

WORDS = 100  # characters
PLURALS = {"models": "model", "peft": "peft", "encoders": "encoder", "datasets": "dataset", "studies": "study"}
PLURALS |= {"sources": "source"}
GROUPS = {"model": "mmrec.models", "peft": "ptmrec.peft", "encoder": "ptmrec.encoders"}  # of entry points


class ListCommand:
    """Print what is known."""

    help = "print the known models, variants, encoders, datasets, sources of `prepare`, studies, or what keys mean"

    def configure(self, parser: argparse.ArgumentParser) -> None:
        """Add the arguments."""
        parser.add_argument("kind", choices=sorted([*PLURALS, "keys"]))
        parser.add_argument("model", nargs="?", metavar="MODEL", help="with `keys`: also those of this model")
        add_plugin_arguments(parser)
        parser.add_argument("overrides", nargs="*", metavar="key=value", help="with `keys MODEL`: such as peft=dora")

    def run(self, args: argparse.Namespace) -> int:
        """Print names and first comment or docstring lines."""
        load_plugins(args)
        if args.kind == "keys":
            from .keys import keys_as_text

            say(keys_as_text(args.model, args.overrides))
            return 0
        if extra := [args.model, *args.overrides] if args.model else args.overrides:
            raise ConfigError(f"list {args.kind}: takes no {' '.join(extra)}; MODEL belongs to `list keys`.")
        kind = PLURALS[args.kind]
        about = {name: first_comment(path) for name, path in known_yamls(kind).items()}
        if kind in GROUPS:  # the registry itself is there if --plugin brought something, and stays unimported else
            registry = Registry.every.get(kind) or Registry(kind, GROUPS[kind])
            about |= {name: about.get(name) or registry.about(name) for name in registry.names()}
        width = max(map(len, about), default=0)
        for name, words in sorted(about.items(), key=lambda item: item[0].lower()):
            said = textwrap.shorten(words.removeprefix(f"{name}: "), WORDS, placeholder=" …")
            say(f"{name:<{width}}  {said}".rstrip())
        return 0


def first_comment(path: Path) -> str:
    """The comment in the first line of a YAML file."""
    with path.open(encoding="utf-8") as file:
        line = file.readline().strip()
    return line.lstrip("# ") if line.startswith("#") else ""
