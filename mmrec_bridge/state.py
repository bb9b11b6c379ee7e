"""What a module keeps outside its state dict: tensors and numbers in plain attributes."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor, nn

TENSOR, NUMBER = "plain tensor ", "plain number "  # no name in a state dict holds a blank


class PlainState:
    """The plain attributes of a model's modules that are not what they were at construction.

    MMRec's models rank with such attributes: SLMRec and MMGCN with the vectors of the last training batch, LATTICE with
    the item graph that it learned.

    Args:
        model: just constructed.
    """

    def __init__(self, model: nn.Module) -> None:
        self.model = model
        # A version counts the changes in place, so that a graph that nobody touches is never copied.
        self.first = {key: (value, _version(value)) for key, value in self._attributes() if not _is_module_s(key)}

    @staticmethod
    def owns(key: str) -> bool:
        """Whether the entry `key` of a snapshot is a plain attribute, not an entry of the state dict."""
        return key.startswith((TENSOR, NUMBER))

    def _attributes(self) -> Iterator[tuple[tuple[str, str], Any]]:
        for path, module in self.model.named_modules():
            for name, value in vars(module).items():
                if value is None or isinstance(value, Tensor | bool | int | float):
                    yield (path, name), value

    def snapshot(self) -> dict[str, Tensor]:
        """Detached copies; numbers as tensors without dimensions."""
        state = {}
        for key, value in self._attributes():
            known = key in self.first and _same(value, *self.first[key])
            if known or value is None or _is_module_s(key):
                continue
            if isinstance(value, Tensor):
                state[TENSOR + ".".join(key)] = value.detach().clone()
            else:
                state[NUMBER + ".".join(key)] = torch.tensor(value, dtype=_dtype(value))
        return state

    def adopt(self, twin: nn.Module) -> None:
        """Take the tensors over that another construction of the model put where this one's stand untouched."""
        theirs, ours = dict(twin.named_modules()), dict(self.model.named_modules())
        for key, (value, version) in list(self.first.items()):
            path, name = key
            untouched = path in ours and _same(vars(ours[path]).get(name), value, version)
            if not (untouched and isinstance(value, Tensor)):
                continue
            other = vars(theirs[path])[name]
            setattr(ours[path], name, other)
            self.first[key] = (other, _version(other))

    def restore(self, state: dict[str, Tensor]) -> None:
        """Bring a snapshot back; what it does not hold is what stood there at construction (as it is by now)."""
        modules = dict(self.model.named_modules())
        for (path, name), (value, _) in self.first.items():
            if path in modules and name in vars(modules[path]):
                setattr(modules[path], name, value)
        for key, tensor in state.items():
            if not self.owns(key):
                continue
            path, _, name = key.removeprefix(TENSOR).removeprefix(NUMBER).rpartition(".")
            if path in modules:
                setattr(modules[path], name, tensor.item() if key.startswith(NUMBER) else tensor.detach().clone())


def _is_module_s(key: tuple[str, str]) -> bool:
    """torch's own: its evaluation mode is the trainer's to set."""
    return key[1] == "training" or key[1].startswith("_is_full_backward")


def _version(value: Any) -> int:
    return value._version if isinstance(value, Tensor) else 0


def _same(value: Any, first: Any, version: int) -> bool:
    if isinstance(value, Tensor):
        return value is first and value._version == version
    return type(value) is type(first) and value == first


def _dtype(value: float) -> torch.dtype:
    return torch.bool if isinstance(value, bool) else torch.int64 if isinstance(value, int) else torch.float64
