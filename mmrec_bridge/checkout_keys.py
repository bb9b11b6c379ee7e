"""The keys of a model as its checkout's YAML files and main.py have them, in the form of a YAML of this host.

MMRec reads overall.yaml, the dataset's YAML and the model's, each over the one before. Here this host's overall.yaml
and dataset YAML take the place of the first two, so that all models of a table share one protocol: the checkout's
files add the keys that its code reads and that this host has not.
"""

from __future__ import annotations

import functools
import logging
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from mmrec_host.config_layers import STRUCTURE, folders
from mmrec_host.errors import ConfigError
from mmrec_host.yaml_values import read_mapping

from .source_code import parse, program_arguments

log = logging.getLogger(__name__)

HOST_ALONE = {"model", "dataset", "gpu_id", "use_gpu", "hyper_parameters"}


@functools.cache
def host_values() -> dict[str, Any]:
    """This host's overall.yaml, but for what it says about its keys."""
    return {k: v for k, v in read_mapping(folders()[-1] / "overall.yaml").items() if k not in STRUCTURE}


def _read(path: Path) -> dict[str, Any]:
    """The YAML at `path`; empty if it cannot be read, which a warning says."""
    try:
        return read_mapping(path)
    except ConfigError as error:
        log.warning("left out: %s", error)
        return {}


def _alike(grid: list[Any]) -> list[Any]:
    """A grid without its slips of the pen, such as 0.001.0.005 among numbers, which MMRec would stumble over."""
    return [value for value in grid if isinstance(value, str) == isinstance(grid[0], str)]


@functools.cache
def _say_whose(path: Path, dataset: str, keys: str) -> None:
    """Say, once a process, that keys of a dataset are those of another."""
    log.info("%s has no YAML of %s: %s as in %s", path.parent, dataset, keys, path.name)


def main_arguments(source: Path) -> dict[str, Any]:
    """Default of each argument of the checkout's main.py."""
    try:
        return program_arguments(parse(source / "main.py"))
    except ConfigError:
        return {}


class CheckoutKeys:
    """The YAML files around a model's own.

    Args:
        source: the folder of the checkout's main.py; it need not have configs/.
        wanted: keys that the model and what it imports read.
    """

    def __init__(self, source: Path, wanted: set[str]) -> None:
        self.source = source
        self.wanted = wanted - host_values().keys() - HOST_ALONE

    def _below(self, dataset: str) -> Iterator[tuple[Path, dict[str, Any]]]:
        """What stands below the model's YAML, lowest first, and the files that it stands in."""
        configs = self.source / "configs"
        if not configs.is_dir():
            return
        yield self.source / "main.py", main_arguments(self.source)
        overall = configs / "overall.yaml"
        for path in [*(p for p in sorted(configs.glob("*.yaml")) if p != overall), overall]:
            if path.is_file():
                yield path, _read(path)
        files = [path for folder in sorted(configs.glob("dataset*")) for path in sorted(folder.glob("*.yaml"))]
        own = [path for path in files if path.stem == dataset]
        for path in own or files[::-1]:  # of several, the first by name wins
            yield path, _read(path)

    def layer(self, own: dict[str, Any], dataset: str) -> dict[str, Any]:
        """The model's YAML `own` with the keys that it lacks, in the form that a YAML of this host has.

        Every list that is a grid stands under `hyper_parameters`, and nothing else does; a list that may be either may
        be overridden by a single value.
        """
        named = list(own.get("hyper_parameters") or [])
        values: dict[str, Any] = {}
        places: dict[str, Path] = {}
        for path, below in self._below(dataset):
            for key in (self.wanted | (set(named) - host_values().keys())) & below.keys() - own.keys():
                if below[key] != f"{key.removesuffix('_file')}.npy":  # the name that a model's file has in any case
                    values[key], places[key] = below[key], path
            named += [key for key in below.get("hyper_parameters") or [] if places.get(key) == path]
        others = {path for path in places.values() if path.parent.name.startswith("dataset") and path.stem != dataset}
        for path in sorted(others):
            _say_whose(path, dataset, ", ".join(sorted(key for key in places if places[key] == path)))
        values.update((key, value) for key, value in own.items() if key not in ("hyper_parameters", "seed"))
        lists = {key for key, value in values.items() if isinstance(value, list)}
        named += sorted(key for key in lists - {*named} if self._is_grid(key))
        grids = [key for key in dict.fromkeys(named) if key in values and values[key] != []]
        values.update({key: _alike(values[key]) if key in lists else [values[key]] for key in grids})
        either = lists - {*grids} - host_values().keys()
        kinds = {key: "[] | list of any | any" for key in sorted(either)}
        kinds |= {key: "any" for key in places if values[key] == ""}
        return values | {"hyper_parameters": grids, "kinds": kinds}

    def _is_grid(self, key: str) -> bool:
        """Whether a list that no `hyper_parameters` names must be a grid: elsewhere the key holds one value."""
        if key in host_values():
            return not isinstance(host_values()[key], list)
        models = (self.source / "configs" / "model").glob("*.yaml")
        others = [values for values in map(_read, sorted(models)) if key in values]
        return any(key in (v.get("hyper_parameters") or []) or not isinstance(v[key], list) for v in others)
