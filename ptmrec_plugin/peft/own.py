"""The base of this project's own variants: parameters that a handle holds by name, saved as safetensors."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import nn

from mmrec_host.errors import ConfigError

from ..encoders.dual import DualEncoder
from .base import Handle, shape_error

FILE = "adapter.safetensors"


class OwnHandle(Handle):
    """A variant of named parameters.

    Args:
        cuts: modality -> lowest block that it touches.
        parameters: what is trained, by name.

    Attributes:
        active: what hooks and towers of the variant look at; false inside `disabled`.
    """

    def __init__(self, encoder: DualEncoder, cuts: dict[str, int], parameters: Mapping[str, nn.Parameter]) -> None:
        super().__init__(encoder, cuts)
        self.parameters, self.active = dict(parameters), True

    def named_parameters(self) -> dict[str, nn.Parameter]:
        """The trainable parameters."""
        return self.parameters

    def write(self, folder: Path) -> None:
        """Write one safetensors file."""
        save_file({name: p.detach().cpu().contiguous() for name, p in self.parameters.items()}, str(folder / FILE))

    def read(self, folder: Path) -> None:
        """Read the parameters of a safetensors file; `ConfigError` if it cannot be read or holds others."""
        try:
            stored = load_file(str(folder / FILE))
        except (OSError, SafetensorError) as error:
            raise ConfigError(f"{folder / FILE}: cannot be read ({error}).") from error
        fitting = [name for name, p in self.parameters.items() if name in stored and stored[name].shape == p.shape]
        missing, unknown = sorted(self.parameters.keys() - set(fitting)), sorted(stored.keys() - self.parameters.keys())
        if missing or unknown:
            raise shape_error(folder, missing, unknown)
        self.load_state(stored)

    @contextmanager
    def disabled(self) -> Iterator[None]:
        """Inside, the encoder computes without the variant."""
        self.active = False
        try:
            yield
        finally:
            self.active = True


def attach(encoder: DualEncoder, modules: nn.Module) -> nn.Module:
    """Make a variant's modules part of the encoder, as `peft` beside its `model`, and move them to its device."""
    encoder.peft = modules.to(next(encoder.model.parameters()).device)
    return encoder.peft
