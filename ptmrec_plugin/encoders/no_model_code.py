"""Models are weights and settings here: the code that a model folder or a hub's repository may bring is never run."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import ModuleType
from typing import Any

from mmrec_host.errors import ConfigError


@contextmanager
def no_model_code() -> Iterator[None]:
    """Inside, transformers runs no code that comes with a model, whatever its files or a caller's arguments say.

    By itself it would where `trust_remote_code` is set, which open_clip takes from a model's own configuration, or
    where somebody answers its question so.

    Raises:
        ConfigError: a model or tokenizer that brings code was to be loaded.
    """
    from transformers import dynamic_module_utils
    from transformers.models.auto import auto_factory, configuration_auto, tokenization_auto

    found: list[str] = []

    def refuse(*names: Any) -> ConfigError:
        found.append(" ".join(map(str, names)))
        return _error(found)

    def decide(trust: Any, model: Any, has_local_code: bool, has_remote_code: bool, *_: Any, **__: Any) -> bool:
        """In place of `resolve_trust_remote_code`."""
        if has_remote_code:
            raise refuse(model)
        return False

    def execute(name: str, module: Any, *_: Any, **__: Any) -> None:
        """In place of `get_class_in_module`, through which all such code goes."""
        raise refuse(module)

    decider = "resolve_trust_remote_code"
    places: list[tuple[ModuleType, str, Callable[..., Any]]] = [
        (module, decider, decide) for module in (auto_factory, configuration_auto, tokenization_auto)
    ]
    places.append((dynamic_module_utils, "get_class_in_module", execute))
    before = [getattr(module, name) for module, name, _ in places]  # an unknown transformers fails here
    for module, name, stand_in in places:
        setattr(module, name, stand_in)
    try:
        yield
    except Exception as error:
        if found:
            raise _error(found) from error
        raise
    finally:
        for (module, name, _), own in zip(places, before, strict=True):
            setattr(module, name, own)
    if found:  # and somebody has caught the error
        raise _error(found)


def _error(found: list[str]) -> ConfigError:
    return ConfigError(
        f"{found[0]}: this model brings code of its own (auto_map in its JSON files), which is never run here, "
        "whatever trust_remote_code says. Choose a model that open_clip, timm or transformers have the code of."
    )
