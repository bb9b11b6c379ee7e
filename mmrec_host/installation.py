"""What this distribution asks for, as its own metadata say, and what of it is installed and works."""

from __future__ import annotations

import functools
from dataclasses import dataclass
from importlib import import_module, metadata

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from .version import DISTRIBUTION


@dataclass(frozen=True)
class Package:
    """A package that is asked for.

    Attributes:
        name: as in a package index.
        wanted: versions that will do, such as `>=2.4`; empty for any.
        version: the installed one, or None.
        module: name under which it is imported, or None if that is not known.
    """

    name: str
    wanted: str
    version: str | None
    module: str | None

    def fault(self) -> str | None:
        """What is wrong with what is installed, without importing it; None if nothing is."""
        if self.version is None:
            return "is not installed"
        if not Requirement(f"{self.name}{self.wanted}").specifier.contains(self.version, prereleases=True):
            return f"is {self.version}, and {self.wanted} is needed"
        return None

    def import_fault(self) -> str | None:
        """How its import fails; None if it does not, or if it is not known how to."""
        try:
            if self.module is not None:
                import_module(self.module)
        except Exception as error:  # what a library compiled for another one raises is of many kinds
            return f"cannot be imported ({type(error).__name__}: {str(error).strip().partition(chr(10))[0]})"
        return None

    def command(self) -> str:
        """How to get it."""
        return f"pip install '{self.name}{self.wanted}'"


def extras() -> list[str]:
    """Names of the optional parts."""
    return metadata.metadata(DISTRIBUTION).get_all("Provides-Extra") or []


def packages(extra: str = "") -> list[Package]:
    """The required packages, or those of an optional part; parts that contain others are not followed."""
    found = []
    for text in metadata.requires(DISTRIBUTION) or []:
        wanted = Requirement(text)
        always = wanted.marker is None or wanted.marker.evaluate({"extra": ""})
        asked = always if not extra else not always and wanted.marker.evaluate({"extra": extra})  # type: ignore[union-attr]
        if asked and canonicalize_name(wanted.name) != DISTRIBUTION:
            found.append(Package(wanted.name, str(wanted.specifier), _version(wanted.name), _module(wanted.name)))
    return found


def _version(name: str) -> str | None:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return None


@functools.cache
def _modules() -> dict[str, list[str]]:
    """The top-level modules of every installed distribution."""
    modules: dict[str, list[str]] = {}
    for module, owners in metadata.packages_distributions().items():
        for owner in owners:
            modules.setdefault(canonicalize_name(owner), []).append(module)
    return modules


def _module(name: str) -> str | None:
    """The module of a distribution that is called most like it: `yaml` of PyYAML, `open_clip` of open_clip_torch."""
    called, modules = name.lower().replace("-", "_"), _modules().get(canonicalize_name(name), [])
    return max(modules, key=lambda m: (called.startswith(m.lower()), called.endswith(m.lower())), default=None)
