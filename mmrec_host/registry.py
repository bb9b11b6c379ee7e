"""One registry class for models, feature sources, PEFT variants, encoders, metrics, dataset makers and commands."""

from __future__ import annotations

import contextlib
import difflib
from collections.abc import Callable, Iterable
from importlib.metadata import EntryPoint, entry_points
from typing import Any, ClassVar

from .errors import ConfigError


def nearest(name: str, known: Iterable[str]) -> str:
    """The end of a sentence on an unknown name: `", did you mean 'x'?"` with the nearest known one, or a full stop."""
    folded = {k.lower(): k for k in known}
    match = difflib.get_close_matches(name.lower(), folded, n=1, cutoff=0.5)
    return f", did you mean {folded[match[0]]!r}?" if match else "."


class Registry:
    """Names to objects, from the decorator and from the installed packages' entry points.

    An entry point is imported when it is asked for, so that listing the names costs nothing.

    Args:
        kind: what it holds, in words ("model"), for messages.
        group: entry-point group in which third-party packages announce theirs.
    """

    every: ClassVar[dict[str, Registry]] = {}

    def __init__(self, kind: str, group: str) -> None:
        self.kind, self.group = kind, group
        self._objects: dict[str, Any] = {}
        Registry.every[kind] = self

    @classmethod
    def of(cls, kind: str) -> Registry | None:
        """The registry of a kind; the packages of all announced plugins are imported if it is not there yet."""
        if kind not in cls.every:
            for registry in list(cls.every.values()):
                for name in registry.names():
                    with contextlib.suppress(ConfigError):  # a broken package is reported where it is asked for
                        registry.get(name)
        return cls.every.get(kind)

    def _entry_points(self) -> dict[str, EntryPoint]:
        return {point.name: point for point in entry_points(group=self.group)}

    def register(self, name: str) -> Callable[[Any], Any]:
        """Decorator that adds a class or function under `name`; `ConfigError` if another object has that name."""

        def add(obj: Any) -> Any:
            known = self._objects.get(name)
            origin = (getattr(obj, "__module__", None), getattr(obj, "__qualname__", None))
            if known is not None and (known.__module__, known.__qualname__) != origin:
                raise ConfigError(
                    f"{self.kind} {name!r} is registered twice: by {known.__module__} and by {origin[0]}. Choose "
                    "another name for one of them."
                )
            self._objects[name] = obj
            return obj

        return add

    def names(self) -> list[str]:
        """Known names, sorted."""
        return sorted({*self._objects, *self._entry_points()})

    def __contains__(self, name: str) -> bool:
        return name in self._objects or name in self._entry_points()

    def get(self, name: str) -> Any:
        """The object called `name`; `ConfigError` listing the known names and the nearest one if there is none."""
        if name in self._objects:
            return self._objects[name]
        point = self._entry_points().get(name)
        if point is None:
            known = self.names()
            raise ConfigError(
                f"unknown {self.kind} {name!r}{nearest(name, known)} Known: {', '.join(known) or 'none'}. A file with "
                "another one can be loaded with --plugin FILE."
            )
        try:
            loaded = point.load()
        except (ImportError, AttributeError) as error:
            raise ConfigError(f"{self.kind} {name!r} ({point.value}) cannot be loaded: {error}") from error
        return self._objects.setdefault(name, loaded)

    def about(self, name: str) -> str:
        """First line of the docstring of the object called `name`."""
        lines = (self.get(name).__doc__ or "").strip().splitlines()
        return lines[0] if lines else ""
