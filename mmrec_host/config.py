"""The resolved configuration: the YAML layers, --config files over them, and key=value over all."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from .config_layers import collect_layers, value_errors
from .errors import ConfigError, noted
from .foreign_keys import FOREIGN
from .kinds import shortened
from .registry import nearest
from .yaml_values import dump, flow, parse_value, read_mapping, written_like

# Keys that say where a run stands or how it is shown, not what it computes: they are no part of `Config.settings_sha`.
MACHINE_KEYS = {"seed", "data_path", "run_path", "cache_path", "device", "threads", "progress", "save_model"}
MACHINE_KEYS |= {"resume", "checkpoint_interval", "workers", "synthetic", "track"}

# Without influence on a result, or said by a table's caption.
UNLABELLED = MACHINE_KEYS | {"new_items", "cold_items", "cold_seed", "cold_candidates", "eval_mask", "metrics", "topk"}
UNLABELLED |= {"USER_ID_FIELD", "ITEM_ID_FIELD", "inter_splitting_label", "inter_file_name", "field_separator"}


class Config(dict):
    """The resolved configuration, as MMRec's models read it: a missing key is None.

    Attributes:
        search: key -> values to try, or a range of them, from the model's YAML.
        overrides: the keys that --config files and the command line set.
        defaults: what the YAML files say of these keys.
        absent: key -> what a run computed that was recorded before there was this key.
    """

    search: dict[str, Any]
    overrides: dict[str, Any]
    defaults: dict[str, Any]
    absent: dict[str, Any]

    def __init__(
        self,
        values: Mapping[str, Any] | None = None,
        search: Mapping[str, Any] | None = None,
        overrides: Mapping[str, Any] | None = None,
        defaults: Mapping[str, Any] | None = None,
        absent: Mapping[str, Any] | None = None,
    ) -> None:
        super().__init__(values or {})
        self.search = dict(search or {})
        self.overrides = dict(overrides or {})
        self.defaults = dict(defaults or {})
        self.absent = dict(absent or {})

    def __missing__(self, key: str) -> None:
        return None

    def replaced(self, **values: Any) -> Config:
        """A copy with some values replaced."""
        return Config({**self, **values}, self.search, self.overrides, self.defaults, self.absent)

    def plain(self) -> dict[str, Any]:
        """The configuration with values that YAML can hold: others become text."""
        return {
            k: v if isinstance(v, (str, int, float, bool, list, dict, type(None))) else str(v) for k, v in self.items()
        }

    def to_yaml(self) -> str:
        """YAML text of the whole configuration."""
        return dump(self.plain())

    def label(self) -> str:
        """How a table names a run: the model, and what files, command line or `config_dict` changed of its keys."""
        changed = {k: v for k, v in sorted(self.overrides.items()) if k not in self.defaults or self.defaults[k] != v}
        words = [f"{k}={flow(v)}" for k, v in changed.items() if k not in UNLABELLED]
        return " ".join([self["model"], *words])

    def settings(self) -> dict[str, Any]:
        """Everything that may change a result but the seed.

        A new key that does what was done before there was it is left out, so that older runs compare.
        """
        old = self.plain().items()
        return {k: v for k, v in old if k not in MACHINE_KEYS and (k not in self.absent or self.absent[k] != v)}

    def settings_sha(self) -> str:
        """Digest of `settings`."""
        return hashlib.sha256(json.dumps(self.settings(), sort_keys=True, default=str).encode()).hexdigest()[:12]


def parse_overrides(texts: Iterable[str], models: Sequence[str]) -> dict[str | None, dict[str, Any]]:
    """`key=value` and `Model.key=value` arguments, by model (None: for all); all errors are reported together."""
    parsed: dict[str | None, dict[str, Any]] = {None: {}}
    errors: list[str] = []
    for text in texts:
        key, equals, value = text.partition("=")
        owner, dot, rest = key.partition(".")
        if not equals or not key:
            errors.append(f"{text!r} is no key=value")
        elif dot and owner not in models:
            errors.append(f"{text!r}: {owner!r} is none of this run's models ({', '.join(models)})")
        else:
            with noted(errors):
                parsed.setdefault(owner if dot else None, {})[rest if dot else key] = parse_value(value)
    if errors:
        raise ConfigError("\n".join(errors))
    return parsed


def _changes(overrides: Mapping[str, Any] | None, files: Sequence[Path]) -> tuple[dict[str, Any], dict[str, str]]:
    """What --config files and the command line set, and for each key its file, "" for the command line."""
    changes: dict[str, Any] = {}
    where: dict[str, str] = {}
    for path in files:
        own = read_mapping(Path(path))
        changes.update(own)
        where.update(dict.fromkeys(own, str(path)))
    overrides = overrides or {}
    return {**changes, **overrides}, {**where, **dict.fromkeys(overrides, "")}


def known_keys(model: str, dataset: str, overrides: Mapping[str, Any], files: Sequence[Path] = ()) -> set[str]:
    """The keys that the layers of a model on a dataset define."""
    return {key for layer in collect_layers(model, dataset, _changes(overrides, files)[0]) for key in layer.values}


def _hint(key: str, known: Iterable[str]) -> str:
    """The end of a sentence on an unknown key: what stands in for it here, or the nearest known one."""
    return f". {FOREIGN[key]}" if key in FOREIGN else nearest(key, known)


def load_config(
    model: str,
    dataset: str,
    *,
    overrides: Mapping[str, Any] | None = None,
    files: Sequence[Path] = (),
    elsewhere: Iterable[str] = (),
) -> Config:
    """Resolve the configuration of one model on one dataset.

    Args:
        overrides: `key=value` of the command line, or `config_dict` of `quick_start`.
        files: YAML files that stand between the YAML layers and `overrides`.
        elsewhere: keys that another model of the same call knows; they are passed over here.

    Raises:
        ConfigError: all unknown keys, and values that are not what `keys.yaml` says, reported together; an unreadable
            file.
    """
    changes, where = _changes(overrides, files)
    values: dict[str, Any] = {}
    search: dict[str, Any] = {}
    absent: dict[str, Any] = {}
    layers = collect_layers(model, dataset, changes)
    for layer in layers:
        values.update(layer.values)
        search.update(layer.search)
        absent.update(layer.absent)
    errors = [
        f"{f'{where[key]}: ' if where[key] else ''}unknown key {shortened(key)!r}{_hint(key, values)} "
        "`ptmrec list keys MODEL` prints those that there are."
        for key in changes
        if key not in values and key not in elsewhere
    ]
    applied = {key: value for key, value in changes.items() if key in values}
    defaults = {key: values[key] for key in applied}
    values.update(applied)
    errors += value_errors(values, layers, where)
    if errors:
        raise ConfigError("\n".join(errors))
    values.update(model=model, dataset=dataset)
    for key in applied:  # one value has one digest, however it is written
        values[key] = applied[key] = written_like(defaults[key], applied[key])
    return Config(values, search, applied, defaults, absent)
