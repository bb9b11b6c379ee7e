"""Safe YAML in which `1e-4` is a number, as it is to everybody but YAML 1.1."""

from __future__ import annotations

import functools
import re
from pathlib import Path
from typing import Any

import yaml

from .errors import ConfigError

# A study reads its YAML layers hundreds of times; libyaml, where PyYAML has it, takes a tenth of the time.
_Safe: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)

LARGEST = 1_000_000  # characters of a file
DEEPEST, MOST_VALUES = 40, 100_000
SHOWN = 200  # characters of a text in a message


class _Loader(_Safe):
    """Own subclass, so that no other user of the YAML library sees the changed resolver."""


_Loader.add_implicit_resolver(
    "tag:yaml.org,2002:float",
    re.compile(r"^[-+]?(?:\d[\d_]*\.?\d*|\.\d+)(?:[eE][-+]?\d+)?$"),
    list("-+0123456789."),
)
# The resolvers are tried in order: integers keep precedence over the wider float pattern.
for _first, _resolvers in _Loader.yaml_implicit_resolvers.items():
    _resolvers.sort(key=lambda item: item[0] == "tag:yaml.org,2002:float")


def parse_value(text: str, where: str = "command line") -> Any:
    """Value of one YAML scalar, list or mapping; `ConfigError` naming `where` if it is none, or too large."""
    try:
        _require_small(text)
        return yaml.load(text, Loader=_Loader)  # noqa: S506 (a SafeLoader)
    except (yaml.YAMLError, ValueError, OverflowError) as error:  # a date or a number that there is not
        detail = " ".join(str(error).split())
        shown = repr(text) if len(text) <= SHOWN else f"{text[:SHOWN]!r}…"
        raise ConfigError(f"{where}: {shown} is no YAML value ({detail}).") from error


@functools.lru_cache(maxsize=1024)
def _require_small(text: str) -> None:
    """Refuse, before anything is built of it, YAML that is deeper or larger than any configuration.

    An alias counts as all that it stands for: nine lines of aliases of aliases are billions of values.

    Raises:
        ValueError: it is, or an alias stands in what it is an alias of.
    """
    if len(text) > LARGEST:
        raise ValueError(f"longer than the {LARGEST:,} characters that are read")
    if sum(map(text.count, "[{-:?")) > DEEPEST or "*" in text:  # the others are small, whatever they say
        _count(text)


def _count(text: str) -> None:
    open_nodes: list[tuple[str | None, int]] = []  # anchor, and values before it
    sizes: dict[str, int] = {}
    n_values = 0
    for event in yaml.parse(text, Loader=_Safe):
        if isinstance(event, yaml.AliasEvent):
            if any(anchor == event.anchor for anchor, _ in open_nodes):
                raise ValueError(f"*{event.anchor} stands in what it is an alias of")
            n_values += sizes.get(str(event.anchor), 1)
        elif isinstance(event, yaml.ScalarEvent):
            size = 1 + len(event.value) // 100  # a long text counts for as many short ones
            n_values += size
            if event.anchor:
                sizes[event.anchor] = size
        elif isinstance(event, yaml.CollectionStartEvent):
            open_nodes.append((event.anchor, n_values))
            n_values += 1
        elif isinstance(event, yaml.CollectionEndEvent):
            anchor, before = open_nodes.pop()
            if anchor:
                sizes[anchor] = n_values - before
        if len(open_nodes) > DEEPEST:
            raise ValueError(f"more than {DEEPEST} levels deep")
        if n_values > MOST_VALUES:
            raise ValueError(f"more than {MOST_VALUES:,} values, those of aliases among them")


def read_mapping(path: Path) -> dict[str, Any]:
    """Mapping of text to values in the YAML file `path`; an empty file is an empty mapping.

    Raises:
        ConfigError: it cannot be read, is no YAML, deeper or larger than any configuration, or holds anything else.
    """
    try:
        with path.open(encoding="utf-8") as file:
            text = file.read(LARGEST + 1)
    except (OSError, UnicodeDecodeError, ValueError) as error:
        raise ConfigError(f"{path}: cannot be read: {error}.") from error
    values = parse_value(text, str(path))
    if values is None:
        return {}
    if not isinstance(values, dict):
        raise ConfigError(f"{path}: must hold `key: value` lines, found a {type(values).__name__}.")
    if odd := [key for key in values if not isinstance(key, str)]:
        raise ConfigError(f"{path}: the key {flow(odd[0])} is no text. Put it in quotes, or correct it.")
    return values


def dump(values: dict[str, Any]) -> str:
    """YAML text of a mapping of plain values."""
    return yaml.safe_dump(values, sort_keys=True, allow_unicode=True)


def flow(value: Any) -> str:
    """A value as it would be written on the command line."""
    if isinstance(value, list):
        return f"[{', '.join(map(flow, value))}]"
    return "null" if value is None else str(value).lower() if isinstance(value, bool) else str(value)


def written_like(default: Any, value: Any) -> Any:
    """`value` with its numbers as the default has them: 0 is 0.0 where that is a float, 1e4 is 10000 elsewhere."""
    if isinstance(value, list):
        likes = default if isinstance(default, list) else []
        return [written_like(likes[n] if n < len(likes) else None, each) for n, each in enumerate(value)]
    if isinstance(value, bool) or not isinstance(value, int | float):
        return value
    if isinstance(default, float):
        return float(value)
    return int(value) if isinstance(value, float) and value.is_integer() else value
