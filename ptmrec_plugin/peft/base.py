"""What a PEFT variant is: a function of an encoder and a configuration that returns a handle."""

from __future__ import annotations

import hashlib
import json
from abc import ABC, abstractmethod
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from mmrec_host.errors import ConfigError
from mmrec_host.registry import Registry

from ..encoders.dual import DualEncoder

PEFT = Registry("peft", group="ptmrec.peft")
"""Name -> `apply(encoder, config, modalities) -> Handle`; its `defaults` are the keys of a variant without a YAML."""

STEM = -1
"""The cut of a tower that is trained from its embeddings on, so that nothing of it can be cached."""

IDENTITY_FILE = "encoder.json"
FORMAT = 1


def apply_variant(encoder: DualEncoder, config: Any, modalities: list[str]) -> Handle:
    """Apply the variant that the key `peft` names: the registered one of that name, or the one that its YAML names.

    Args:
        encoder: is changed.
        modalities: whose towers may be tuned.
    """
    name = config["variant"] or config["peft"]
    handle = PEFT.get(name)(encoder, config, modalities)
    if not isinstance(handle, Handle):
        raise ConfigError(
            f"the PEFT variant {name!r} returned {type(handle).__name__} where a Handle is expected. Correct the "
            "plugin that registers it."
        )
    return handle


def check_variant(config: Any) -> None:
    """What the variant knows of its options without an encoder: `check(config)` of the registered function, if any.

    Raises:
        ConfigError: an unknown variant, or options that it does not take.
    """
    check = getattr(PEFT.get(config["variant"] or config["peft"]), "check", None)
    if check is not None:
        check(config)


class Handle(ABC):
    """An applied variant.

    Attributes:
        encoder: the encoder that now computes with the variant.
        cuts: modality -> lowest block that the variant touches; all below is frozen. Untouched towers are absent.
        identity_at_start: whether the encoder's features are the frozen ones until the first step.
        why_not_merged: why it cannot be folded into the encoder's weights, if that is so; a sentence.
        how_to_begin: what would make them so where, by its options, they are not; a sentence, or nothing.
    """

    identity_at_start = True
    how_to_begin = ""
    why_not_merged = "The variant has no way to fold it into the encoder's weights."

    def __init__(self, encoder: DualEncoder, cuts: dict[str, int]) -> None:
        self.encoder, self.cuts = encoder, cuts

    @abstractmethod
    def named_parameters(self) -> dict[str, nn.Parameter]:
        """The trainable parameters."""

    @abstractmethod
    def write(self, folder: Path) -> None:
        """Write the parameters into an existing folder."""

    @abstractmethod
    def read(self, folder: Path) -> None:
        """Read what `write` wrote; `ConfigError` if it does not fit."""

    @abstractmethod
    def disabled(self) -> AbstractContextManager[Any]:
        """Inside, the encoder computes as the frozen one, bit for bit."""

    def merge(self) -> nn.Module:
        """The encoder's model with the variant folded into its weights; `ConfigError` if the method has none."""
        raise ConfigError(f"it cannot be merged. {self.why_not_merged}")

    def train(self, mode: bool) -> None:  # noqa: B027 (most variants have no dropout)
        """Switch the variant's own dropout."""

    def begin(self, n_steps: int) -> None:  # noqa: B027 (most variants have no schedule)
        """Told before training how many optimizer steps there will be at most."""

    def extra_loss(self) -> Tensor | None:
        """A regularisation that is added to the loss of each batch."""
        return None

    def after_step(self) -> None:  # noqa: B027 (most variants have no schedule)
        """Called after each optimizer step, while the gradients are still there."""

    def n_parameters(self) -> int:
        """How many numbers are trained."""
        return sum(p.numel() for p in self.named_parameters().values())

    def state(self) -> dict[str, Tensor]:
        """A copy of the trainable parameters, and of whatever else the variant's training depends on."""
        return {name: p.detach().clone() for name, p in self.named_parameters().items()}

    @torch.no_grad()
    def load_state(self, state: dict[str, Tensor]) -> None:
        """Bring back a copy that `state` made."""
        for name, parameter in self.named_parameters().items():
            parameter.copy_(state[name])

    def save(self, folder: Path) -> None:
        """Write the variant and what identifies its encoder, and read it back.

        Raises:
            ConfigError: what was written cannot be loaded, or not to the same numbers.
        """
        folder.mkdir(parents=True, exist_ok=True)
        self.write(folder)
        identity = {"format": FORMAT, **self.encoder.identity, "sha256": weight_digests(folder)}
        (folder / IDENTITY_FILE).write_text(json.dumps(identity, indent=1, sort_keys=True))
        written = {name: p.detach().clone() for name, p in self.named_parameters().items()}
        self.load(folder)
        if differing := [name for name, p in self.named_parameters().items() if not p.equal(written[name])]:
            raise ConfigError(f"{folder}: the adapter was written with other numbers than it has, e.g. {differing[0]}.")

    def load(self, folder: Path) -> None:
        """Read what `save` wrote.

        Raises:
            ConfigError: no adapter there, a damaged one, or one of another encoder, format, variant or shape.
        """
        identity = read_identity(folder)
        if identity.get("format") != FORMAT:
            raise ConfigError(
                f"{folder}: an adapter in format {identity.get('format')}; this version reads format {FORMAT}. Train "
                "it again, or load it with the version that wrote it."
            )
        now = {key: value for key, value in self.encoder.identity.items() if key != "encoder"}  # a name, not what it is
        differing = [key for key, value in now.items() if identity.get(key) != value]
        if differing:
            raise ConfigError(
                f"{folder}: the adapter belongs to the encoder {identity.get('encoder')}, this one is "
                f"{self.encoder.name}; they differ in {', '.join(differing)}. Choose the encoder that it was trained "
                "on."
            )
        digests = weight_digests(folder)
        written = identity.get("sha256", {})  # version 0.1 noted none
        if damaged := [name for name, sha in written.items() if digests.get(name) != sha]:
            raise ConfigError(
                f"{folder}: {', '.join(damaged)}: damaged, or replaced: not what was written. Train the adapter anew."
            )
        self.read(folder)


def read_identity(folder: Path) -> dict[str, Any]:
    """What the adapter in `folder` says of itself and its encoder; `ConfigError` if it says nothing of the kind."""
    try:
        identity = json.loads((folder / IDENTITY_FILE).read_text())
        if not isinstance(identity, dict) or not isinstance(identity.get("sha256", {}), dict):
            raise ValueError("it is no description of an encoder")
    except (OSError, ValueError, RecursionError) as error:
        raise ConfigError(
            f"{folder}: holds no adapter of this project ({IDENTITY_FILE} cannot be read: {error})."
        ) from error
    return identity


def weight_digests(folder: Path) -> dict[str, str]:
    """The SHA-256 of each file of an adapter that holds weights."""
    files = [
        path for path in sorted(folder.iterdir()) if path.is_file() and path.suffix not in (".json", ".md", ".yaml")
    ]
    return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


def shape_error(folder: Path, missing: list[str], unknown: list[str]) -> ConfigError:
    """The error for an adapter whose tensors are not those of the variant."""
    return ConfigError(
        f"{folder}: the adapter is of another variant or shape: {len(missing)} tensors are missing or of another "
        f"shape, {len(unknown)} unknown, such as {[*missing, *unknown][0]}. Give the same peft, vision_blocks, "
        "text_blocks and options as in training."
    )
