"""One registry class for models, feature sources, PEFT variants, encoders, metrics, dataset makers and commands."""

from __future__ import annotations

import contextlib
import functools
import sys
from collections.abc import Callable, Iterable
from importlib.metadata import EntryPoint, EntryPoints, entry_points
from importlib.util import find_spec
from typing import Any, ClassVar

from .errors import ConfigError

HOST_GROUPS = "mmrec."
"""How the names of the entry-point groups begin that the host itself reads."""


LONGEST = 200
"""Characters of a name that others are compared with."""


@functools.cache
def _announced(group: str, path: tuple[str, ...]) -> EntryPoints:
    """The installed packages' entry points in a group, read once for each state of `sys.path`."""
    return entry_points(group=group)


def summary(point: EntryPoint) -> str | None:
    """First line of the docstring of what `point` names, read from the source without importing it.

    None where the source has no class or function of that name (it may come from elsewhere), or there is no source.
    """
    import ast

    try:
        spec = find_spec(point.module)
        source = spec.loader.get_source(point.module)  # type: ignore[union-attr]
        tree = ast.parse(source)
    except Exception:  # of a package that is broken, or made by a loader of its own
        return None
    for node in tree.body:
        if isinstance(node, ast.ClassDef | ast.FunctionDef) and node.name == point.attr:
            return _first_line(ast.get_docstring(node))
    return None


def _first_line(docstring: str | None) -> str:
    return (docstring or "").strip().partition("\n")[0]


def nearest(name: str, known: Iterable[str]) -> str:
    """The end of a sentence on an unknown name: `", did you mean 'x'?"` with the nearest known one, or a full stop."""
    import difflib

    if not isinstance(name, str) or len(name) > LONGEST:  # what is no name is near to none
        return "."
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
        """The registry of a kind; all that is announced to the host is imported if it is not there yet."""
        if kind not in cls.every:
            for group in filter(lambda name: name.startswith(HOST_GROUPS), entry_points().groups):
                for point in entry_points(group=group):
                    with contextlib.suppress(ImportError, AttributeError):  # reported where it is asked for
                        point.load()
        return cls.every.get(kind)

    def _entry_points(self) -> dict[str, EntryPoint]:
        return {point.name: point for point in _announced(self.group, tuple(sys.path))}

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
        except KeyboardInterrupt:
            raise
        except BaseException as error:  # of somebody's package, which may be broken in any way
            if isinstance(error, Exception) and getattr(error, "exit_code", None) is not None:
                raise
            said = f"{error}" if isinstance(error, ImportError | AttributeError) else f"{type(error).__name__}: {error}"
            raise ConfigError(f"{self.kind} {name!r} ({point.value}) cannot be loaded: {said}") from error
        return self._objects.setdefault(name, loaded)

    def module(self, name: str) -> str | None:
        """The module that the object called `name` is in, which is not imported for that; None for an unknown name."""
        point = None if name in self._objects else self._entry_points().get(name)
        return point.module if point is not None else getattr(self._objects.get(name), "__module__", None)

    def about(self, name: str) -> str:
        """First line of the docstring of the object called `name`, which is imported only where that must be.

        An object that has a `status()` says that in its place.
        """
        if hasattr(self._objects.get(name), "status"):
            return str(self._objects[name].status())
        point = None if name in self._objects else self._entry_points().get(name)
        said = None if point is None else summary(point)
        return _first_line(self.get(name).__doc__) if said is None else said
