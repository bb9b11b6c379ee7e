"""The file that says what a study compares."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from mmrec_host.config_layers import known_yamls
from mmrec_host.errors import ConfigError
from mmrec_host.registry import nearest
from mmrec_host.yaml_values import flow, read_mapping

METRICS = ["recall@10", "recall@20", "ndcg@20"]
KEYS = ("about", "datasets", "seeds", "keys", "metrics", "rows")


@dataclass(frozen=True)
class DataEntry:
    """A data set under one protocol.

    Attributes:
        name: what the report calls it.
        keys: keys of its runs.
    """

    name: str
    dataset: str
    keys: Mapping[str, Any]


@dataclass(frozen=True)
class Row:
    """A line of the report's tables: a model and its keys.

    Attributes:
        against: the rows that it is tested against.
        control: the row that has all but what this one is about; its share of the gain is told.
    """

    name: str
    model: str
    keys: Mapping[str, Any]
    against: tuple[str, ...] = ()
    control: str | None = None

    @property
    def pairs(self) -> tuple[str, ...]:
        """The rows that it is compared with, the control among them."""
        return tuple(dict.fromkeys([*self.against, *([self.control] if self.control else [])]))


@dataclass(frozen=True)
class Study:
    """What a study compares.

    Attributes:
        n_seeds: so many seeds, counted from the key `seed`.
        keys: keys of all runs, as far as their models have them.
        metrics: of the tables and tests; the first one also of figures and groups by popularity.
    """

    name: str
    about: str
    entries: tuple[DataEntry, ...]
    rows: tuple[Row, ...]
    n_seeds: int
    keys: Mapping[str, Any]
    metrics: tuple[str, ...]


def read_study(name: str) -> Study:
    """The study in the file `name`, or of that name among those that are shipped.

    Raises:
        ConfigError: there is no such one, or all that is wrong with it.
    """
    path, shipped = Path(name), known_yamls("study")
    if not path.is_file():
        if name not in shipped:
            raise ConfigError(
                f"study {name!r}: there is no such file, and none of that name is shipped{nearest(name, shipped)} "
                f"Shipped: {', '.join(shipped) or 'none'}. `ptmrec study --help` shows what a file holds."
            )
        path = shipped[name]
    said = read_mapping(path)
    errors = [*_repeated(path), *_unknown("the file", said, KEYS)]
    entries, rows = _entries(said.get("datasets"), errors), _rows(said.get("rows"), errors)
    n_seeds, keys, metrics = said.get("seeds", 1), said.get("keys") or {}, said.get("metrics", METRICS)
    if not isinstance(n_seeds, int) or isinstance(n_seeds, bool) or n_seeds < 1:
        errors.append(
            f"seeds: {flow(n_seeds)} must be a whole number, 1 or more; they are counted from the key `seed`."
        )
    if not isinstance(keys, dict):
        errors.append("keys: must be a mapping of keys, such as {epochs: 100}.")
    metrics = [metrics] if isinstance(metrics, str) else metrics
    if not isinstance(metrics, list) or not metrics or not all(isinstance(m, str) for m in metrics):
        errors.append(f"metrics: must be a list such as [{', '.join(METRICS)}].")
    if errors:
        raise ConfigError("\n".join(f"{path}: {error}" for error in dict.fromkeys(errors)))
    names = tuple(dict.fromkeys(metric.lower() for metric in metrics))
    return Study(path.stem, str(said.get("about") or "").strip(), entries, rows, n_seeds, keys, names)


def _entries(said: Any, errors: list[str]) -> tuple[DataEntry, ...]:
    """`[office, {"office, new": {dataset: office, new_items: 0.1}}]`, or a mapping alone."""
    parts = said if isinstance(said, list) else [said]
    named: list[tuple[Any, Any]] = []
    for part in parts:
        named += part.items() if isinstance(part, dict) else [(part, None)]
    if not named or not all(isinstance(name, str) and isinstance(keys, dict | None) for name, keys in named):
        errors.append("datasets: must be a list of names, such as [office, toys: {epochs: 100}].")
        return ()
    for name, count in Counter(name for name, _ in named).items():
        if count > 1:
            errors.append(
                f"datasets: {name!r} stands there twice; give one of them another name, and say dataset: NAME."
            )
    found = []
    for name, keys in named:
        own = dict(keys or {})
        found.append(DataEntry(name, str(own.pop("dataset", name)), own))
    return tuple(found)


def _rows(said: Any, errors: list[str]) -> tuple[Row, ...]:
    if not isinstance(said, dict) or not said:
        errors.append("rows: must be a mapping of names, such as {VBPR: {model: VBPR}}.")
        return ()
    found = []
    for name, values in said.items():
        own = dict(values) if isinstance(values, dict) else {}
        model, against, control = own.pop("model", None), own.pop("against", []), own.pop("control", None)
        against = [against] if isinstance(against, str) else against
        if not isinstance(model, str) or not isinstance(against, list):
            errors.append(
                f"rows, {name}: must say a model, such as {{model: VBPR}}, and `against` names of rows, if any."
            )
            continue
        others = [other for other in said if other != name]
        for key, named in [*(("against", each) for each in against), *([("control", control)] if control else [])]:
            if named not in others:
                errors.append(
                    f"rows, {name}: {key} names {named!r}, which is no other row{nearest(str(named), others)}"
                )
        if control and not set(against) - {control}:
            errors.append(f"rows, {name}: control needs `against`, the row whose gain is shared out.")
        found.append(Row(str(name), model, own, tuple(map(str, against)), control))
    return tuple(found)


def _unknown(where: str, said: Mapping[str, Any], known: tuple[str, ...]) -> Iterator[str]:
    for key in said:
        if key not in known:
            yield f"{where} has an unknown key {key!r}{nearest(str(key), known)} Known: {', '.join(known)}."


def _repeated(path: Path) -> Iterator[str]:
    """Names that stand twice in one mapping, of which YAML would take the last without a word."""
    nodes = [yaml.compose(path.read_text(encoding="utf-8"), Loader=yaml.SafeLoader)]
    while nodes:
        node = nodes.pop()
        if isinstance(node, yaml.MappingNode):
            names = Counter(key.value for key, _ in node.value)
            yield from (f"{name!r} stands there twice (line {node.start_mark.line + 1} and after)" for name, n in
                        names.items() if n > 1)  # fmt: skip
            nodes += [value for _, value in node.value]
        elif isinstance(node, yaml.SequenceNode):
            nodes += node.value
