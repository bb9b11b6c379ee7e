"""What a model file of MMRec says of itself, read without importing it."""

from __future__ import annotations

import ast
import importlib
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from types import ModuleType
from typing import Any

from mmrec_host.config_layers import yaml_file
from mmrec_host.errors import ConfigError
from mmrec_host.yaml_values import read_mapping

from .checkout_keys import CheckoutKeys, main_arguments
from .shims import STUBS
from .source_code import done_to_model, imports, keys_read, parse, unused_packages
from .world import World, installed, mmrec_world

# What MMRec's trainer reads for itself, and for training twice a step (mg), which the host does not.
NO_KEYS = {"checkpoint_dir", "eval_type", "valid_metric_bigger", "alpha1", "alpha2", "beta", "mg"}
LOADER_READS = {"vision_feature_file", "text_feature_file", "inter_file_name"}  # what our loader reads for the model


@dataclass(frozen=True)
class ModelFile:
    """A Python file written for MMRec, and its model: the class whose name in small letters is the file's stem.

    Attributes:
        name: the class's name; empty if the file has no such class (it may help other files).
        imports: module -> names taken from it, of the statements that run when the file is imported.
        keys: keys of the configuration that the file reads.
        unused: packages that it imports and does not use.
    """

    path: Path
    name: str
    imports: dict[str, list[str]]
    keys: frozenset[str]
    unused: frozenset[str]

    @classmethod
    def read(cls, path: Path) -> ModelFile:
        """Parse `path`.

        Raises:
            ConfigError: it cannot be read, or is no Python.
        """
        tree = parse(path)
        taken: dict[str, list[str]] = {}
        for module, names in imports(iter(tree.body), "models"):
            taken.setdefault(module, []).extend(names)
        classes = [node.name for node in tree.body if isinstance(node, ast.ClassDef)]
        name = next((name for name in classes if name.lower() == path.stem.lower()), "")
        return cls(path.resolve(), name, taken, frozenset(keys_read(tree)), unused_packages(tree))

    @property
    def is_mmrec(self) -> bool:
        """Whether the file is written for MMRec, not for this host's registries."""
        return any(name.startswith(("common.", "models.")) or name == "utils.utils" for name in self.imports)

    @property
    def source(self) -> Path:
        """The folder above the models: a checkout's, with main.py and configs/, if there is one."""
        return self.path.parent.parent

    @property
    def file_keys(self) -> list[str]:
        """Keys `…_file` of the configuration that the file reads: more files of the dataset's folder."""
        return sorted(key for key in self.keys - LOADER_READS if key.endswith("_file"))

    @cached_property
    def yaml(self) -> Path | None:
        """The model's YAML: in the checkout, beside the file, or ours; None if there is none.

        Some forks write the name in capitals: LGMREC.yaml of the model LGMRec.
        """
        for place in (self.source / "configs" / "model", self.path.parent):
            found = {path.stem.lower(): path for path in sorted(place.glob("*.yaml"))}
            exact = place / f"{self.name}.yaml"
            if exact.is_file() or self.name.lower() in found:
                return exact if exact.is_file() else found[self.name.lower()]
        return yaml_file("model", self.name)

    def yaml_values(self, dataset: str) -> dict[str, Any]:
        """The model's YAML, with what stands in the YAML files around it; see `CheckoutKeys`."""
        own = read_mapping(self.yaml) if self.yaml is not None else {}
        return CheckoutKeys(self.source, self.all_keys).layer(own, dataset)

    @cached_property
    def all_keys(self) -> set[str]:
        """Keys of the configuration that the file and what it imports from its checkout read."""
        keys = set(self.keys).union(*(keys_read(parse(file)) for file in self.world.own_files))
        if self.set_by_trainer:
            assert self._trainer is not None
            taken = {node.arg for node in ast.walk(self._trainer) if isinstance(node, ast.arg)}
            keys |= (keys_read(self._trainer) | taken & main_arguments(self.source).keys()) - NO_KEYS
        return keys

    @cached_property
    def _trainer(self) -> ast.Module | None:
        """The checkout's own trainer."""
        path = self.source / "common" / "trainer.py"
        return parse(path) if path.is_file() else None

    @cached_property
    def set_by_trainer(self) -> list[str]:
        """Attributes of the model that the checkout's trainer sets and the file reads."""
        stored, _ = (set(), set()) if self._trainer is None else done_to_model(self._trainer)
        return sorted(stored & {node.attr for node in ast.walk(parse(self.path)) if isinstance(node, ast.Attribute)})

    @cached_property
    def called_by_trainer(self) -> list[str]:
        """Methods in the file that the checkout's trainer calls."""
        _, called = (set(), set()) if self._trainer is None else done_to_model(self._trainer)
        return sorted(called & {node.name for node in ast.walk(parse(self.path)) if isinstance(node, ast.FunctionDef)})

    @cached_property
    def world(self) -> World:
        """The modules that the file sees, made once, so that it is imported once."""
        return World(self.path.parent, self.imports, self.unused)

    def lacks(self) -> str:
        """Why the file cannot be imported here: the packages and modules that it lacks, and what to do; "" if none."""
        packages, modules = [], []
        for name in self.imports:
            root = name.partition(".")[0]
            if self.world.is_own(name):
                if name not in self.world.modules and not self.world.has_file(name):
                    modules.append(f"{name.replace('.', '/')}.py")
            elif root not in (*STUBS, "torch_scatter", *self.unused) and not installed(root):
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
                if absent and not self.world.is_own(absent):  # of a package, or a module of the checkout
                    raise ConfigError(f"{self.path}: {self.name} lacks {absent}: pip install {absent}.") from error
                raise ConfigError(f"{self.path}: fails on import with {type(error).__name__}: {error}.") from error
        return getattr(loaded, self.name)
