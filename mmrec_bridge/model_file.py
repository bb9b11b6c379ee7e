"""What a model file of MMRec says of itself, read without importing it."""

from __future__ import annotations

import ast
import importlib.util
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from types import ModuleType

from mmrec_host.config_layers import yaml_file
from mmrec_host.errors import ConfigError
from mmrec_host.yaml_values import read_mapping

from .shims import STUBS
from .world import ROOTS, World, mmrec_world

LOADER_READS = {"vision_feature_file", "text_feature_file", "inter_file_name"}  # what our loader reads for the model


@dataclass(frozen=True)
class ModelFile:
    """A Python file written for MMRec, and its model: the class whose name in small letters is the file's stem.

    Attributes:
        name: the class's name; empty if the file has no such class (it may help other files).
        imports: module -> names taken from it, of the statements that run when the file is imported.
        file_keys: keys `…_file` of the configuration that the file reads: more files of the dataset's folder.
    """

    path: Path
    name: str
    imports: dict[str, list[str]]
    file_keys: list[str]

    @classmethod
    def read(cls, path: Path) -> ModelFile:
        """Parse `path`.

        Raises:
            ConfigError: it cannot be read, or is no Python.
        """
        try:
            tree = ast.parse(path.read_bytes(), str(path))  # heeds its coding line
        except (OSError, SyntaxError, ValueError) as error:
            raise ConfigError(f"{path}: cannot be read as Python: {error}.") from error
        classes = [node.name for node in tree.body if isinstance(node, ast.ClassDef)]
        imports: dict[str, list[str]] = {}
        for module, names in _imports(tree):
            imports.setdefault(module, []).extend(names)
        keys = {
            node.slice.value
            for node in ast.walk(tree)
            if isinstance(node, ast.Subscript) and isinstance(node.slice, ast.Constant)
        }
        own_files = sorted(key for key in keys - LOADER_READS if isinstance(key, str) and key.endswith("_file"))
        name = next((name for name in classes if name.lower() == path.stem.lower()), "")
        return cls(path.resolve(), name, imports, own_files)

    @property
    def is_mmrec(self) -> bool:
        """Whether the file is written for MMRec, not for this host's registries."""
        return any(name.startswith(("common.", "models.")) or name == "utils.utils" for name in self.imports)

    @cached_property
    def yaml(self) -> Path | None:
        """The model's YAML: in the checkout, beside the file, or ours; None if there is none."""
        file = f"{self.name}.yaml"
        places = [self.path.parent.parent / "configs" / "model" / file, self.path.parent / file]
        return next((place for place in places if place.is_file()), yaml_file("model", self.name))

    @cached_property
    def world(self) -> World:
        """The modules that the file sees, made once, so that it is imported once."""
        return World(self.path.parent, self.imports)

    def lacks(self) -> str:
        """Why the file cannot be imported here: the packages and modules that it lacks, and what to do; "" if none."""
        packages, modules = [], []
        for name in self.imports:
            root = name.partition(".")[0]
            if root in ROOTS:
                if name not in self.world.modules and not self.world.has_file(name):
                    modules.append(f"{name.replace('.', '/')}.py")
            elif root not in (*STUBS, "torch_scatter") and root not in sys.modules and not _found(root):
                packages.append(root)
        wanting = [f"{', '.join(dict.fromkeys(modules))}, which its checkout should have"] if modules else []
        if packages:
            unique = " ".join(dict.fromkeys(packages))
            wanting.append(f"{unique.replace(' ', ', ')}: pip install {unique}")
        return "; ".join(wanting)

    def data_files(self) -> dict[str, str]:
        """Key -> name of the files that the model reads from the dataset's folder besides interactions and features."""
        values = read_mapping(self.yaml) if self.yaml is not None else {}
        return {key: str(values.get(key) or f"{key.removesuffix('_file')}.npy") for key in self.file_keys}

    def about(self) -> str:
        """A line for `ptmrec list models`."""
        if lacks := self.lacks():
            return f"MMRec model file; cannot run here, it lacks {lacks}"
        files = self.data_files()
        return f"MMRec model file{', needs ' + ', '.join(files.values()) + ' beside the data' if files else ''}"

    def load(self, cuda: bool) -> type:
        """The model class; the file is imported the first time.

        Raises:
            ConfigError: a package is missing, or the file fails on import.
        """
        if lacks := self.lacks():
            raise ConfigError(f"{self.path}: {self.name} cannot run here, it lacks {lacks}.")
        module = f"models.{self.path.stem}"
        with mmrec_world(self.world, cuda):
            try:
                importlib.invalidate_caches()
                loaded: ModuleType = importlib.import_module(module)
            except Exception as error:
                if getattr(error, "exit_code", None) is not None:
                    raise
                absent = str(error.name).partition(".")[0] if isinstance(error, ModuleNotFoundError) else ""
                if absent and absent not in ROOTS:  # of a package, or a module of the checkout
                    raise ConfigError(f"{self.path}: {self.name} lacks {absent}: pip install {absent}.") from error
                raise ConfigError(f"{self.path}: fails on import with {type(error).__name__}: {error}.") from error
        return getattr(loaded, self.name)


def _imports(tree: ast.Module) -> Iterator[tuple[str, list[str]]]:
    for node in tree.body:
        if isinstance(node, ast.Import):
            yield from ((alias.name, []) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            prefix = "models." if node.level else ""
            yield f"{prefix}{node.module or ''}".rstrip("."), [alias.name for alias in node.names]


def _found(root: str) -> bool:
    try:
        return importlib.util.find_spec(root) is not None
    except (ImportError, ValueError):
        return False
