"""What the files of others may set: data folders and runs are copied from each other, and none may lead to code.

The lists are in `mmrec_configs/keys.yaml`, the package's own.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from .declared_keys import keys_of_whom
from .kinds import shortened
from .registry import nearest

WHERE = "on the command line, in a file for --config or in ./mmrec_configs/"
HERE = ("data_path", "cache_path", "device", "threads", "progress", "eval_batch_size")
"""Keys of a run that may be replaced when it is opened: they change no result."""

MMREC = re.compile(r"mmrec:\w+")  # a model that the user's own --mmrec-home has made known


def data_keys() -> frozenset[str]:
    """The keys that a data folder may set, and no other."""
    return keys_of_whom("data")


def user_keys() -> frozenset[str]:
    """The keys that neither a data folder nor a run may set."""
    return keys_of_whom("user")


def leads_away(value: Any) -> bool:
    """Whether there is a path or an address in a value (`a/b`, `..`, `C:x`, `local-dir:x`), rather than names."""
    if isinstance(value, Mapping):
        return any(map(leads_away, value.values()))
    if isinstance(value, list | tuple):
        return any(map(leads_away, value))
    if not isinstance(value, str):
        return False
    scheme = ":" in value and re.search(r"\w", value) and not MMREC.fullmatch(value)
    return "/" in value or "\\" in value or value in (".", "..") or bool(scheme)


def given_error(given: Mapping[str, Any], recorded: Mapping[str, Any]) -> str | None:
    """What is wrong with the keys that are given for a finished run: only HERE, and what leads away, may be."""
    for key, value in given.items():
        if key not in HERE and not leads_away(recorded.get(key)) and recorded.get(key) != value:
            return (
                f"{key}: a finished run keeps its settings{nearest(key, HERE)} Keys of this machine are "
                f"{', '.join(HERE)}."
            )
    return None


def path_error(file: Path, key: str, value: Any, whose: str, where: str = WHERE) -> str:
    """The message on a value that leads away."""
    return (
        f"{file}: {key}={shortened(value)} is a path or an address, and {whose} may give only names, since it may come "
        f"from others. If you trust what it leads to, give {key}=… yourself, {where}."
    )


def data_errors(file: Path, values: Mapping[Any, Any]) -> Iterator[str]:
    """What a data folder's file says that it may not."""
    refused = {key: value for key, value in values.items() if key not in data_keys()}
    if refused:
        said = ", ".join(f"{key}={shortened(value)}" for key, value in refused.items())
        yield (
            f"{file}: a data folder may not set {', '.join(map(str, refused))}, since it may come from others. If you "
            f"want {said}, say so yourself: {WHERE}. A data folder may set {', '.join(sorted(data_keys()))}."
        )
    for key, value in values.items():
        if key in data_keys() and leads_away(value):
            yield path_error(file, key, value, "a data folder")
