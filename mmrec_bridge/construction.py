"""Making a checkout's model, with what its constructor finds: configuration, loader, features, further arguments."""

from __future__ import annotations

import contextlib
import inspect
import logging
import os
import re
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from torch import Tensor, nn

from mmrec_host.config import Config
from mmrec_host.errors import ConfigError

from .causes import WatchedConfig, explained
from .checkout_keys import main_arguments
from .data_folder import FEATURE_KEYS, data_folder
from .loader import MMRecLoader
from .mmrec_names.common.abstract_recommender import AbstractRecommender, PlainResults
from .mmrec_names.utils.utils import get_local_time
from .model_file import ModelFile
from .world import mmrec_world

# torch's remarks on code of its older versions; not the user's to mend
OF_OLD_CODE = "torch.sparse.SparseTensor|Creating a tensor from a list|Sparse invariant|Validating sparse"

# What the quick_start of some forks gives to a model besides configuration and loader, by the parameter's name.
FURTHER: dict[str, Callable[[], Any]] = {"local_time": get_local_time, "logger": logging.getLogger}

# GUME: os.getcwd() + config['data_path'], whose data_path is /data/.
BELOW_WORKING_FOLDER = re.compile(r"getcwd\(\)\s*\+\s*(self\.)?config\[.data_path.\]")


@dataclass(frozen=True)
class Constructed:
    """A file's model, and what it was made with: the configuration and the loader as the model sees them."""

    model: nn.Module
    loader: MMRecLoader
    settings: WatchedConfig


def dataset_folder(config: Config) -> Path:
    """The dataset's own folder."""
    return Path(config["data_path"]).resolve() / config["dataset"]


def construct(file: ModelFile, config: Config, dataloader: Any) -> Constructed:
    """Make the file's model.

    Raises:
        ConfigError, DataError: it cannot be made; the message says why.
    """
    cuda = config["device"].type == "cuda"
    built = _as_plain_results(file.load(cuda))
    own_keys = {key: config[key] or name for key, name in file.data_files().items()}
    own_keys["inter_file_name"] = config["inter_file_name"] or f"{config['dataset']}.inter"
    tables = dataloader.features.tables() if file.world.has_own_base else {}
    features = {config[key]: tables[m] for key, m in zip(FEATURE_KEYS, "vt") if m in tables}
    with (
        data_folder(config, dataset_folder(config), features) as data_path,
        _standing_in(file, data_path) as seen_path,
        mmrec_world(file.world, cuda),
        warnings.catch_warnings(),
    ):
        warnings.filterwarnings("ignore", OF_OLD_CODE, UserWarning)
        own_keys["with_times"] = "TIME_FIELD" in file.all_keys
        settings = WatchedConfig(config.replaced(**own_keys, model=file.name, data_path=seen_path))
        loader = MMRecLoader(settings, dataloader)
        further = further_arguments(file, built, skip=2)
        with explained(file, settings, dataset_folder(config), "construction"):
            return Constructed(built(settings, loader, **further), loader, settings)


@contextlib.contextmanager
def _standing_in(file: ModelFile, data_path: str) -> Iterator[str]:
    """The `data_path` as the file's code is to see it; the working folder is changed where it looks below that."""
    sources = [path.read_text(encoding="utf-8", errors="replace") for path in (file.path, *file.world.own_files)]
    if not any(map(BELOW_WORKING_FOLDER.search, sources)):
        yield data_path
        return
    before = Path.cwd()
    os.chdir(data_path)
    try:
        yield "/"
    finally:
        os.chdir(before)


def further_arguments(file: ModelFile, built: type, skip: int) -> dict[str, Any]:
    """What a constructor must be given after its first `skip` arguments: by name, `FURTHER` or an argument of main.py.

    Raises:
        ConfigError: there is one that nothing here has.
    """
    parameters = list(inspect.signature(built).parameters.values())[skip:]
    needed = [p.name for p in parameters if p.default is p.empty and p.kind not in (p.VAR_POSITIONAL, p.VAR_KEYWORD)]
    given = main_arguments(file.source)
    unknown = [name for name in needed if name not in FURTHER and name not in given]
    if unknown:
        raise ConfigError(
            f"{file.path}: {built.__name__} cannot run here: its constructor also takes {', '.join(unknown)}, which "
            f"its own quick_start may give it. Here a model is given config, dataset, {', '.join(FURTHER)}."
        )
    return {name: FURTHER[name]() if name in FURTHER else given[name] for name in needed}


def _as_plain_results(built: Any) -> Any:
    """The class itself, or, where its base class is a checkout's own, with our `PlainResults` before it."""
    if issubclass(built, AbstractRecommender):
        return built
    about = {"__module__": built.__module__, "__doc__": built.__doc__, "__qualname__": built.__qualname__}
    return type(built.__name__, (PlainResults, built), about)


def feature_names(model: nn.Module, tables: dict[str, Tensor]) -> dict[str, str]:
    """Modality -> the model's attribute that holds its features: `v_feat`, or what a checkout's base class calls it."""
    found = {}
    for modality, table in tables.items():
        held = [name for name, value in vars(model).items() if isinstance(value, Tensor) and _equal(value, table)]
        found[modality] = f"{modality}_feat" if f"{modality}_feat" in held or not held else held[0]
    return found


def _equal(value: Tensor, table: Tensor) -> bool:
    return value.shape == table.shape and not value.is_sparse and bool((value == table.to(value.device)).all())
