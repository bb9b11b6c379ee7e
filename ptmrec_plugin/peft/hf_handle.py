"""The handle of a variant of Hugging Face peft."""

from __future__ import annotations

import warnings
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, ClassVar

from peft import PeftModel, PeftType, set_peft_model_state_dict
from peft.tuners.tuners_utils import BaseTunerLayer
from peft.utils import SAFETENSORS_WEIGHTS_NAME
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor, nn

from mmrec_host.errors import ConfigError

from ..encoders.dual import DualEncoder
from .base import Handle, shape_error

PREFIX = "peft_"  # `peft_r: 8` in a YAML is the option `r` of peft's configuration class


class HFHandle(Handle):
    """A variant of Hugging Face peft, which has put it into the encoder's model.

    Args:
        wrapped: what peft made of the encoder's model.
        frozen: module name -> its weight before; kept where the method's initialisation has changed it (PiSSA takes the
            principal part out of it).

    Attributes:
        fixed_options: what the method's configuration must have from the start.
    """

    fixed_options: ClassVar[dict[str, Any]] = {}

    def __init__(
        self, encoder: DualEncoder, cuts: dict[str, int], wrapped: PeftModel, frozen: dict[str, Tensor], config: Any
    ) -> None:
        super().__init__(encoder, cuts)
        self.wrapped = wrapped
        self.replaced = {name: w for name, w in frozen.items() if not w.equal(self._weight(name))}

    def named_parameters(self) -> dict[str, nn.Parameter]:
        """The adapter's parameters, by peft's names."""
        return {name: p for name, p in self.wrapped.named_parameters() if p.requires_grad}

    def train(self, mode: bool) -> None:
        """Switch peft's layers and their dropout; the encoder itself stays in evaluation mode."""
        for layer in self.wrapped.modules():
            if isinstance(layer, BaseTunerLayer):
                layer.training = mode
                for name, module in layer.named_modules():
                    if "dropout" in name and not name.startswith("base_layer"):
                        module.train(mode)

    def write(self, folder: Path) -> None:
        """Write peft's adapter_config.json and adapter_model.safetensors."""
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # peft looks for a hub model behind the encoder, which there is none
            self.wrapped.save_pretrained(str(folder), save_embedding_layers=False)
        (folder / "README.md").unlink(missing_ok=True)  # a template that nobody has filled in

    def read(self, folder: Path) -> None:
        """Read peft's weights; `ConfigError` if they cannot be read or are of another method or shape."""
        try:
            weights = load_file(folder / SAFETENSORS_WEIGHTS_NAME)  # and no pickle, and nothing from a hub
            outcome: Any = set_peft_model_state_dict(self.wrapped, weights)
        except (OSError, ValueError, SafetensorError) as error:
            raise ConfigError(f"{folder}: peft cannot read this adapter ({error}).") from error
        except (RuntimeError, KeyError) as error:  # torch's size mismatch, of many lines
            raise shape_error(folder, [str(error).strip().splitlines()[-1].strip()], []) from error
        # A tensor that layers share has a name in each, and the file has one of them.
        absent, names = set(outcome.missing_keys), defaultdict[int, list[str]](list)
        for name, parameter in self.wrapped.named_parameters(remove_duplicate=False):
            names[id(parameter)].append(name)
        missing = [n for n, p in self.named_parameters().items() if absent.issuperset(names[id(p)])]
        if missing or outcome.unexpected_keys:
            raise shape_error(folder, missing, outcome.unexpected_keys)

    @property
    def how_to_begin(self) -> str:  # type: ignore[override]
        """The option with which the method begins as the frozen encoder."""
        settings: Any = self.wrapped.peft_config["default"]
        if getattr(settings, "init_weights", True) is not True:
            return f" {PREFIX}init_weights: true in the variant's YAML file begins there."
        if settings.peft_type == PeftType.HRA and settings.r % 2:
            return f" An even {PREFIX}r begins there, since reflections begin in pairs that cancel."
        return ""

    @contextmanager
    def disabled(self) -> Iterator[None]:
        """Switch peft's adapter off, and bring back the weights that the method has changed as they were."""
        with self.wrapped.disable_adapter():
            weights = {name: self._weight(name) for name in self.replaced}
            changed = {name: weight.data for name, weight in weights.items()}
            try:
                for name, weight in weights.items():
                    weight.data = self.replaced[name]
                yield
            finally:
                for name, weight in weights.items():
                    weight.data = changed[name]

    def _weight(self, name: str) -> nn.Parameter:
        return self.wrapped.get_parameter(f"base_model.model.{name}.base_layer.weight")

    def merge(self) -> nn.Module:
        """Fold the adapter into the encoder's weights; afterwards the handle has no parameters."""
        try:
            return self.wrapped.merge_and_unload()
        except (AttributeError, NotImplementedError, TypeError, ValueError) as error:
            raise ConfigError(f"it cannot be merged. peft has no way to for this method: {error}") from error
