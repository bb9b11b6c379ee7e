"""The names `common`, `utils` and `models` as one MMRec model file sees them, for as long as its code runs."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from importlib.abc import MetaPathFinder
from pathlib import Path
from types import ModuleType

from .shims import mmrec_shims

ROOTS = ("common", "utils", "models")
OURS = {
    "common": ("abstract_recommender", "encoders", "init", "loss"),
    "utils": ("utils",),
}


def our_module(name: str) -> ModuleType | None:
    """Our module for MMRec's `common.loss` and the like; None if we have none."""
    root, _, rest = name.removeprefix("models.").partition(".")
    return _import_ours(root, rest) if rest in OURS.get(root, ()) else None


def _import_ours(root: str, name: str) -> ModuleType:
    return importlib.import_module(f"{__package__}.mmrec_names.{root}.{name}")


def lacking(name: str, wanted: Sequence[str]) -> list[str]:
    """Which of the `wanted` names our module for MMRec's `name` lacks; all if we have no such module."""
    module = our_module(name)
    return [w for w in wanted if w != "*" and not hasattr(module, w)]


class World:
    """The modules under `ROOTS` of one model file: ours, and what it pulls in from its own folder or checkout.

    Args:
        folder: where the model file lies; a checkout's `src/models`.
        imports: module -> the names that the file takes from it. A fork's `utils.utils` with more functions than ours
            is taken in place of ours by the files that need those.
    """

    def __init__(self, folder: Path, imports: Mapping[str, Sequence[str]]) -> None:
        packages = {root: ModuleType(root) for root in ROOTS}
        for root, package in packages.items():
            places = [folder] if root == "models" else [folder.parent / root, folder / root]
            package.__path__ = [str(place) for place in places if place.is_dir()]
        self.modules: dict[str, ModuleType] = dict(packages)
        for root, names in OURS.items():
            for name in names:
                full = f"{root}.{name}"
                if lacking(full, imports.get(full, ())) and self.has_file(full):
                    continue
                self.modules[full] = self.modules[f"models.{full}"] = _import_ours(root, name)
                setattr(packages[root], name, self.modules[full])
        self.modules["models.common"] = packages["common"]  # LayerGCN says models.common
        vars(packages["models"])["common"] = packages["common"]

    def has_file(self, name: str) -> bool:
        """Whether the module called `name` ("utils.helper") lies in the model's own folder or checkout."""
        root, *rest = name.split(".")
        places = [Path(place).joinpath(*rest) for place in self.modules[root].__path__]
        return any(place.with_suffix(".py").is_file() or place.is_dir() for place in places)


def _is_theirs(name: str) -> bool:
    return name.partition(".")[0] in ROOTS


class _Recorder(MetaPathFinder):
    """First on `sys.meta_path`: finds nothing, but notes what is imported under `ROOTS`."""

    def __init__(self) -> None:
        self.names: list[str] = []

    def find_spec(self, name: str, path: Sequence[str] | None = None, target: ModuleType | None = None) -> None:
        """Note the name, and leave the module to the other finders."""
        if _is_theirs(name):
            self.names.append(name)


def _standing() -> dict[str, ModuleType]:
    """What stands under `ROOTS` in `sys.modules`; a submodule never stands without its package."""
    if not any(root in sys.modules for root in ROOTS):
        return {}
    return {name: sys.modules[name] for name in sys.modules if name.startswith(ROOTS) and _is_theirs(name)}


@contextmanager
def mmrec_world(world: World, cuda: bool) -> Iterator[None]:
    """Inside, `common`, `utils` and `models` are the world's and MMRec's code runs on today's libraries.

    What stood under these names before is back afterwards, and nothing else is left. Not for several threads at once:
    `sys.modules` is the process's.

    Args:
        cuda: whether `Tensor.cuda` moves tensors, as it must not where the model is on the CPU.
    """
    before = _standing()
    for name in before:
        del sys.modules[name]
    sys.modules.update(world.modules)
    recorder = _Recorder()
    sys.meta_path.insert(0, recorder)
    try:
        with mmrec_shims(cuda):
            yield
    finally:
        sys.meta_path.remove(recorder)
        for name in recorder.names:  # an import that failed left no module
            if name in sys.modules:
                world.modules[name] = sys.modules[name]
        for name in world.modules:
            sys.modules.pop(name, None)
        sys.modules.update(before)
