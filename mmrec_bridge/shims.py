"""Import-time names that MMRec (written for numpy 1.21, scipy 1.7, torch 1.11) expects and today's libraries lack."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from types import ModuleType
from typing import Any, NoReturn

import numpy as np
import scipy.sparse as sp
import torch
from torch import Tensor

# imported by MMRec's trainer and dataset, and by SLMRec and PGL, and not used in a run
STUBS = ("torchvision", "lmdb", "PIL", "matplotlib", "sklearn", "sparsesvd")
# aliases that numpy 1.24 and 2.0 took away
NUMPY = {"float": float, "int": int, "bool": bool, "object": object, "str": str, "Inf": np.inf, "NaN": np.nan}
_MISSING = object()


class Absent:
    """Stands for a name of a library that is not installed: may be imported and passed about, not called."""

    def __init__(self, name: str) -> None:
        self._name = name

    def __getattr__(self, attribute: str) -> Absent:
        if attribute.startswith("__"):
            raise AttributeError(attribute)
        return Absent(f"{self._name}.{attribute}")

    def __call__(self, *args: Any, **kwargs: Any) -> NoReturn:
        """`ImportError` naming the library."""
        raise ImportError(f"{self._name} is called, but {self._name.partition('.')[0]} is not installed")


def scatter_add(src: Tensor, index: Tensor, dim: int = -1, dim_size: int | None = None) -> Tensor:
    """Sum the slices of `src` along `dim` that share an entry of `index` [src.shape[dim]], as torch_scatter does."""
    size = list(src.shape)
    size[dim] = int(index.max()) + 1 if dim_size is None else dim_size
    return src.new_zeros(size).index_add(dim, index, src)


class ShimFinder(MetaPathFinder, Loader):
    """Last on `sys.meta_path`, so it serves only what is not installed, and `models.common` for `common` (LayerGCN).

    Args:
        absent: libraries that are served besides `STUBS`.
    """

    def __init__(self, absent: Sequence[str] = ()) -> None:
        self.stubs = {*STUBS, *absent}
        self.made: list[str] = []

    def find_spec(
        self, name: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """A spec for the names that are served, asked for after all other finders."""
        root = name.partition(".")[0]
        served = root in self.stubs or name == "torch_scatter" or f"{name}.".startswith("models.common.")
        return ModuleSpec(name, self, is_package=True) if served else None

    def create_module(self, spec: ModuleSpec) -> ModuleType:
        """Make a stand-in module; `made` keeps its name, to take it out of `sys.modules` again."""
        self.made.append(spec.name)
        module = ModuleType(spec.name)
        if spec.name == "torch_scatter":
            vars(module).update(scatter_add=scatter_add, scatter=scatter_add)
        elif spec.name.startswith("models."):
            target = importlib.import_module(spec.name.removeprefix("models."))
            vars(module).update({k: v for k, v in vars(target).items() if not k.startswith("__")})
        else:
            vars(module)["__getattr__"] = Absent(spec.name).__getattr__
        return module

    def exec_module(self, module: ModuleType) -> None:
        """Run nothing: `create_module` made the module whole."""


def _update(self: sp.dok_matrix, data: dict[tuple[int, int], float]) -> None:
    self._dict.update(data)


@contextmanager
def mmrec_shims(cuda: bool | None = None, absent: Sequence[str] = ()) -> Iterator[None]:
    """While inside, MMRec's modules import and run on today's numpy, scipy and torch, and without a GPU.

    Only missing names are added: `NUMPY` (such as `numpy.float`), `dok_matrix._update`, the matrices' `.A`,
    `torch_scatter`, `models.common`, and import-only stubs for libraries that are not installed. Without CUDA, the
    `cuda()` of tensors and modules returns what it is asked of. All of it is taken away on leaving.

    Args:
        cuda: whether `cuda()` works as usual; None: where there is a GPU.
        absent: libraries that may be imported, though they are not installed, besides `STUBS`.
    """
    added: list[tuple[Any, str, Any]] = [(np, name, value) for name, value in NUMPY.items() if name not in vars(np)]
    if not hasattr(sp.dok_matrix, "_update"):
        added.append((sp.dok_matrix, "_update", _update))
    if not hasattr(sp.spmatrix, "A"):
        added.append((sp.spmatrix, "A", property(lambda self: self.toarray())))
    if not (torch.cuda.is_available() if cuda is None else cuda):
        added += [(owner, "cuda", lambda self, *args, **kwargs: self) for owner in (Tensor, torch.nn.Module)]
    before = [vars(owner).get(name, _MISSING) for owner, name, _ in added]
    finder = ShimFinder(absent)
    for owner, name, value in added:
        setattr(owner, name, value)
    sys.meta_path.append(finder)
    try:
        yield
    finally:
        sys.meta_path.remove(finder)
        for name in finder.made:
            sys.modules.pop(name, None)
        for (owner, name, _), value in zip(added, before, strict=True):
            delattr(owner, name) if value is _MISSING else setattr(owner, name, value)
