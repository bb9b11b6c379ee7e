"""The names `common`, `utils` and `models` as one MMRec model file sees them, for as long as its code runs."""

from __future__ import annotations

import ast
import importlib
import importlib.util
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import cached_property
from importlib.abc import MetaPathFinder
from pathlib import Path
from types import ModuleType

from mmrec_host.errors import ConfigError

from .originals import is_original
from .shims import STUBS, mmrec_shims
from .source_code import imports, parse, top_level_names

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


def installed(root: str) -> bool:
    """Whether the package or module `root` can be imported here."""
    try:
        return root in sys.modules or importlib.util.find_spec(root) is not None
    except (ImportError, ValueError):
        return False


class World:
    """The modules under `roots` of one model file: what lies in its own folder or checkout, and ours beside it.

    A module of the checkout is run as it is. Ours stand in for those that it lacks, and for those that are MMRec's own.

    Args:
        folder: where the model file lies; a checkout's `src/models`.
        imports: module -> the names that the file takes from it. Where the checkout's module lacks some and ours has
            all of them, ours is taken.
        unused: packages that the file imports without using them.

    Attributes:
        roots: `ROOTS`, and what other packages a checkout has, such as `utils_package`.
    """

    def __init__(
        self, folder: Path, imports: Mapping[str, Sequence[str]], unused: frozenset[str] = frozenset()
    ) -> None:
        self.roots = (*ROOTS, *sorted(_packages(folder.parent) - {*ROOTS}))
        packages = {root: ModuleType(root) for root in self.roots}
        for root, package in packages.items():
            places = [folder] if root == "models" else [folder.parent / root, folder / root]
            package.__path__ = [str(place) for place in places if place.is_dir()]
        self.modules: dict[str, ModuleType] = dict(packages)
        for root, names in OURS.items():
            for name in names:
                full = f"{root}.{name}"
                if self._runs_theirs(full, imports.get(full, ())):
                    continue
                self.modules[full] = self.modules[f"models.{full}"] = _import_ours(root, name)
                setattr(packages[root], name, self.modules[full])
        self.modules["models.common"] = packages["common"]  # LayerGCN says models.common
        vars(packages["models"])["common"] = packages["common"]
        self._imports, self._unused, self._ours = imports, unused, frozenset(self.modules)

    def _runs_theirs(self, name: str, wanted: Sequence[str]) -> bool:
        file = self.file_of(name)
        if file is None:
            return False
        if not is_original(name, file) and not {*wanted} - {"*"} - top_level_names(parse(file)):
            return True
        return bool(lacking(name, wanted))

    @property
    def has_own_base(self) -> bool:
        """Whether the base class of the models is the checkout's own, which reads features from files."""
        return "common.abstract_recommender" not in self._ours

    def file_of(self, name: str) -> Path | None:
        """The file of the module called `name` ("utils.helper") in the model's own folder or checkout, or None."""
        root, *rest = name.removeprefix("models.").split(".") if name.startswith("models.common.") else name.split(".")
        if root not in self.roots:
            return None
        for place in self.modules[root].__path__:
            path = Path(place).joinpath(*rest)
            if rest and path.with_suffix(".py").is_file():
                return path.with_suffix(".py")
            if path.is_dir():
                return path / "__init__.py"  # which it need not have
        return None

    def has_file(self, name: str) -> bool:
        """Whether the module called `name` lies in the model's own folder or checkout."""
        return self.file_of(name) is not None

    def is_own(self, name: str) -> bool:
        """Whether the module called `name` is under `roots`."""
        return name.partition(".")[0] in self.roots

    @cached_property
    def own_files(self) -> list[Path]:
        """The checkout's files that the model file imports, directly or through each other."""
        return self.files_behind(self._imports)

    def files_behind(self, names: Iterable[str]) -> list[Path]:
        """The checkout's files that stand behind some modules, those that they import included."""
        found: dict[Path, None] = {}
        todo = [name for name in names if self.is_own(name)]
        while todo:
            name = todo.pop()
            file = None if name in self._ours else self.file_of(name)
            if file is None or file in found or not file.is_file():
                continue
            found[file] = None
            try:
                tree = parse(file)
            except ConfigError:  # said when it is imported
                continue
            for module, names_taken in imports(ast.walk(tree), name.rpartition(".")[0]):
                taken = [f"{module}.{n}" for n in names_taken]
                todo += [each for each in (module, *taken) if self.is_own(each)]
        return list(found)

    @cached_property
    def absent(self) -> tuple[str, ...]:
        """Packages that are not installed and that the checkout's `common` and `utils` import, or the file in vain.

        They may be imported all the same: a run here needs few of them, and a use names the package.
        """
        helpers = [file for file in self.own_files if file.parent != Path(self.modules["models"].__path__[0])]
        roots = {m.partition(".")[0] for file in helpers for m, _ in imports(ast.walk(parse(file)))} | self._unused
        return tuple(sorted(r for r in roots if r and r not in STUBS and r not in self.roots and not installed(r)))


def absent_packages(source: Path) -> tuple[str, ...]:
    """Packages that what a checkout runs besides its models imports and that are not installed."""
    run = ("common.trainer", "utils.quick_start", "utils_package.quick_start")
    return World(source / "models", {name: [] for name in run}).absent


def _packages(source: Path) -> set[str]:
    """Folders of a checkout that hold Python files, beside its main.py."""
    if not (source / "main.py").is_file():
        return set()
    return {place.name for place in source.iterdir() if place.is_dir() and any(place.glob("*.py"))}


class _Recorder(MetaPathFinder):
    """First on `sys.meta_path`: finds nothing, but notes what is imported under a world's roots."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.names: list[str] = []

    def find_spec(self, name: str, path: Sequence[str] | None = None, target: ModuleType | None = None) -> None:
        """Note the name, and leave the module to the other finders."""
        if self.world.is_own(name):
            self.names.append(name)


def _standing(world: World) -> dict[str, ModuleType]:
    """What stands under the world's roots in `sys.modules`; a submodule never stands without its package."""
    if not any(root in sys.modules for root in world.roots):
        return {}
    return {name: sys.modules[name] for name in list(sys.modules) if world.is_own(name)}


@contextmanager
def mmrec_world(world: World, cuda: bool) -> Iterator[None]:
    """Inside, `common`, `utils` and `models` are the world's and MMRec's code runs on today's libraries.

    What stood under these names before is back afterwards, and nothing else is left. Not for several threads at once:
    `sys.modules` is the process's.

    Args:
        cuda: whether `Tensor.cuda` moves tensors, as it must not where the model is on the CPU.
    """
    before = _standing(world)
    for name in before:
        del sys.modules[name]
    sys.modules.update(world.modules)
    recorder = _Recorder(world)
    sys.meta_path.insert(0, recorder)
    try:
        with mmrec_shims(cuda, world.absent):
            yield
    finally:
        sys.meta_path.remove(recorder)
        for name in recorder.names:  # an import that failed left no module
            if name in sys.modules:
                world.modules[name] = sys.modules[name]
        for name in world.modules:
            sys.modules.pop(name, None)
        sys.modules.update(before)
