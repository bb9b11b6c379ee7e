"""Safe YAML in which `1e-4` is a number, as it is to everybody but YAML 1.1."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import yaml

from .errors import ConfigError

# A study reads its YAML layers hundreds of times; libyaml, where PyYAML has it, takes a tenth of the time.
_Safe: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


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
    """Value of one YAML scalar, list or mapping; `ConfigError` naming `where` if it is none."""
    try:
        return yaml.load(text, Loader=_Loader)  # noqa: S506 (a SafeLoader)
    except yaml.YAMLError as error:
        detail = " ".join(str(error).split())
        raise ConfigError(f"{where}: {text!r} is no YAML value ({detail}).") from error


def read_mapping(path: Path) -> dict[str, Any]:
    """Mapping in the YAML file `path`; an empty file is an empty mapping, anything else a `ConfigError`."""
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path}: cannot be read: {error}.") from error
    values = parse_value(text, str(path))
    if values is None:
        return {}
    if not isinstance(values, dict):
        raise ConfigError(f"{path}: must hold `key: value` lines, found a {type(values).__name__}.")
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
