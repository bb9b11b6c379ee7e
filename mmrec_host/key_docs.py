"""What the keys of the YAML files mean: the comments in the files are the one source, read from there.

A comment stands behind a key's value (and goes on in indented comment lines below it), or in the lines right above the
key. Comment lines above a key that has one of its own are the heading of the keys up to the next blank line.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from .config_layers import STRUCTURE, Layer, find_yaml, folders, kind_of, read_layer
from .errors import ConfigError
from .registry import Registry
from .yaml_values import flow


@dataclass(frozen=True)
class Key:
    """One key.

    Attributes:
        default: the value that the file gives.
        allowed: what may be given, in words.
        about: the comment, in one line; empty if there is none.
        heading: of the group of keys that it stands in; empty if there is none.
    """

    name: str
    default: Any
    allowed: str
    about: str
    heading: str = ""

    @property
    def shown(self) -> str:
        """The default as it would be written on the command line."""
        return repr(self.default)[1:-1] if isinstance(self.default, str) else flow(self.default)


@dataclass(frozen=True)
class KeyFile:
    """The keys of one YAML file, or of a registered object without one.

    Attributes:
        name: the file within its folder of YAML files, such as `model/VBPR.yaml`.
        about: what its first line says.
    """

    name: str
    about: str
    keys: list[Key]


def read_key_file(path: Path, name: str) -> KeyFile:
    """The keys of the YAML file at `path`, with what its comments say; `ConfigError` if it cannot be read."""
    layer, text = read_layer(path), path.read_text(encoding="utf-8")
    comments, first = dict(_comments(text)), text.partition("\n")[0]
    keys = [Key(k, v, kind_of(k, [layer]).words(), *comments.get(k, ("", ""))) for k, v in layer.values.items()]
    return KeyFile(name, first.lstrip("# ") if first.startswith("#") else "", keys)


def keys_of(model: str | None = None, choices: Mapping[str, Any] | None = None) -> list[KeyFile]:
    """The keys of `overall.yaml`, then those of a model and of the option groups that it names, lowest layer first.

    Args:
        choices: option group -> name, where another than the default is meant (`{"peft": "dora"}`).

    Raises:
        ConfigError: no such model.
    """
    first = next(file for folder in folders() if (file := folder / "overall.yaml").is_file())
    overall = read_key_file(first, first.name)
    if model is None:
        return [overall]
    own, path = _described("model", model), find_yaml("model", model)
    groups = {**read_layer(first).option_groups, **(read_layer(path).option_groups if path is not None else {})}
    chosen = {key.name: key.default for file in (overall, own) for key in file.keys} | dict(choices or {})
    return [overall, own, *(_described(group, str(chosen[key])) for key, group in groups.items() if chosen.get(key))]


def _described(group: str, name: str) -> KeyFile:
    """The keys of a model or option: of its YAML file, else its `defaults`; `ConfigError` if there is no such one."""
    path = find_yaml(group, name)
    if path is not None:
        return read_key_file(path, f"{group}/{path.name}")
    from .models.base import MODELS  # not above: it brings torch, which no YAML file needs

    registry = MODELS if group == MODELS.kind else Registry.of(group)
    if registry is None:
        raise ConfigError(f"{name!r} is unknown: there are no YAML files of it and nothing is registered as {group}.")
    layer = Layer(dict(getattr(registry.get(name), "defaults", {})))
    return KeyFile(f"{group} {name}", "", [Key(k, v, kind_of(k, [layer]).words(), "") for k, v in layer.values.items()])


def _comments(text: str) -> Iterator[tuple[str, tuple[str, str]]]:
    """Key, and its comment and heading."""
    lines = text.splitlines()
    document = yaml.compose(text, Loader=yaml.SafeLoader)
    heading = ""
    for key, value in document.value if document is not None else ():
        if key.value in STRUCTURE:
            continue
        first, last = key.start_mark.line, value.end_mark.line
        above = _above(lines, first)
        behind = [line[value.end_mark.column :].strip() for line in lines[last : last + 1]]  # none after a block
        for line in lines[last + 1 :]:
            if not line[:1].isspace() or not line.lstrip().startswith("#"):
                break
            behind.append(line)
        about, before = _joined(behind), first - len(above)
        if above and about:
            heading = _joined(above)
        elif before and not lines[before - 1].strip():
            heading = ""
        yield key.value, (about or _joined(above), heading)


def _above(lines: list[str], line: int) -> list[str]:
    """The comment lines right above a line; the first line of a file is about the file."""
    start = line
    while start > 1 and lines[start - 1].startswith("#"):
        start -= 1
    return lines[start:line]


def _joined(lines: list[str]) -> str:
    return " ".join(filter(None, (line.lstrip("# \t").rstrip() for line in lines)))
