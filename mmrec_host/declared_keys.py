"""`mmrec_configs/keys.yaml`: what each key may be, and who may set it."""

from __future__ import annotations

import functools
from pathlib import Path

import mmrec_configs

from .yaml_values import read_mapping


@functools.cache
def _declared() -> dict[str, dict[str, str]]:
    """Who may set it -> key -> its kind."""
    return read_mapping(Path(mmrec_configs.__file__).parent / "keys.yaml")


@functools.cache
def declared_kinds() -> dict[str, str]:
    """Key -> what its value may be, as `kinds.parse_kind` reads it."""
    return {key: kind for kinds in _declared().values() for key, kind in kinds.items()}


def keys_of_whom(who: str) -> frozenset[str]:
    """The keys that a data folder (`data`), a run besides (`runs`), or the user alone (`user`) may set."""
    return frozenset(_declared()[who])
