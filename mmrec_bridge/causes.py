"""Why a checkout's model fails here: from the error that its code raised to a message that names the cause."""

from __future__ import annotations

import logging
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch

from mmrec_host.config import Config
from mmrec_host.errors import ConfigError, DataError
from mmrec_host.yaml_values import flow

from .model_file import ModelFile

log = logging.getLogger(__name__)
PLAIN = (type(None), list, str, int, float)
UNKNOWN = "its code fails, which may be at fault itself or want older libraries"


class WatchedConfig(Config):
    """A configuration that notes which keys are asked for, and which of these it has not.

    Attributes:
        asked: key -> whether there is such a key.
    """

    def __init__(self, config: Config) -> None:
        super().__init__(config, config.search, config.overrides, config.defaults, config.absent)
        self.asked: dict[str, bool] = {}

    def __getitem__(self, key: str) -> Any:
        self.asked[key] = key in self
        return super().__getitem__(key)


@contextmanager
def explained(file: ModelFile, config: WatchedConfig, data: Path, when: str) -> Iterator[None]:
    """An error of the file's code is raised as a `ConfigError` or `DataError` that says what it comes from.

    Lack of memory, and what is a message already, passes as it is.

    Args:
        data: the dataset's folder.
        when: what fails, such as "construction".
    """
    try:
        yield
    except (MemoryError, torch.OutOfMemoryError):
        raise
    except Exception as error:
        if getattr(error, "exit_code", None) is not None or "alloc" in str(error):
            raise
        log.debug("%s: %s", file.path, when, exc_info=True)
        if isinstance(error, FileNotFoundError) and error.filename:
            raise DataError(_missing_file(file, data, Path(str(error.filename)))) from error
        said = " ".join(str(error).split()) or "no message"
        causes = list(_causes(file, config, error)) or [UNKNOWN]
        raise ConfigError(
            f"{file.path}: {file.name} cannot run here: {'; '.join(causes)}. Its {when} fails with "
            f"{type(error).__name__}: {said} ({_place(file, error)})."
        ) from error


def _place(file: ModelFile, error: BaseException) -> str:
    """The last line of the checkout that was reached."""
    frames = traceback.extract_tb(error.__traceback__)
    theirs = [frame for frame in frames if Path(frame.filename).is_relative_to(file.source)]
    frame = (theirs or frames)[-1]
    return f"{Path(frame.filename).name}, line {frame.lineno}"


def _missing_file(file: ModelFile, data: Path, missing: Path) -> str:
    return (
        f"{file.name} ({file.path}) also reads {missing.name}, which {data} lacks. The file must come from the model's "
        "authors or be made as they say."
    )


def _causes(file: ModelFile, config: WatchedConfig, error: Exception) -> Iterator[str]:
    if isinstance(error, ImportError):
        absent = str(error.name or "").partition(".")[0]
        remedy = f": pip install {absent}" if absent and not file.world.is_own(absent) else ""
        yield f"a module or package is missing{remedy}"
        return
    asked = config.asked
    if isinstance(error, AttributeError) and error.name and not isinstance(error.obj, PLAIN):
        holder = type(error.obj).__name__
        yield f"{holder} has no {error.name!r}, which its own base class, data set or trainer may have set"
    unset = sorted(key for key in asked if config.get(key) in (None, "") and key in file.all_keys)
    if unset and isinstance(error, TypeError | AttributeError | ValueError | KeyError):
        yield f"no YAML of the checkout sets {', '.join(unset)}; give what is needed as key=value"
    lists = [key for key in sorted(asked) if isinstance(config.get(key), list) and key in file.all_keys]
    if lists and isinstance(error, TypeError | ValueError | RuntimeError | AttributeError):
        shown = ", ".join(f"{key}={flow(config[key])}" for key in lists)
        yield f"lists that no hyper_parameters names: {shown}; where one value is meant, give it as key=value"
