"""AdaLoRA (Zhang et al., 2023): low-rank updates whose ranks shrink where they matter least, on a schedule."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, ClassVar, cast

import torch
from peft import AdaLoraConfig, AdaLoraModel, PeftModel
from torch import Tensor

from mmrec_host.errors import ConfigError

from ..encoders.dual import DualEncoder
from .hf_handle import HFHandle

IMPORTANCE = ("ipt", "exp_avg_ipt", "exp_avg_unc")  # peft's running sensitivity of each number, and its uncertainty
STATE = "adalora."  # what is no parameter in `state()`


class AdaLoraHandle(HFHandle):
    """AdaLoRA through peft, with its rank schedule, its orthogonal regularisation, and all of its state.

    Keys: `warmup_share`, before which ranks stay, and `final_share`, in which they stay again, of all steps.

    Raises:
        ConfigError: the two shares leave no steps between them, or `peft_target_r` is not below `peft_init_r`.
    """

    fixed_options: ClassVar[dict[str, Any]] = {"total_step": 2}  # until `begin` says how many there are

    def __init__(
        self, encoder: DualEncoder, cuts: dict[str, int], wrapped: PeftModel, frozen: dict[str, Tensor], config: Any
    ) -> None:
        super().__init__(encoder, cuts, wrapped, frozen, config)
        self.warmup, self.final = float(config["warmup_share"] or 0), float(config["final_share"] or 0)
        if self.warmup + self.final >= 1:
            raise ConfigError(
                f"warmup_share={self.warmup}, final_share={self.final}: together they must be less than 1, so that "
                "there are steps in which ranks shrink."
            )
        self.settings = cast(AdaLoraConfig, wrapped.peft_config["default"])
        if self.settings.target_r >= self.settings.init_r:
            raise ConfigError(
                f"peft_target_r={self.settings.target_r}: must be less than peft_init_r={self.settings.init_r}, the "
                "rank that shrinks to it."
            )
        self.tuner = cast(AdaLoraModel, wrapped.base_model)
        self.allocator = self.tuner.rankallocator
        self.step = 0

    def begin(self, n_steps: int) -> None:
        """Lay the schedule over the steps."""
        self.settings.total_step = max(n_steps, 2)  # peft cuts ranks at the last step by importances from before it
        self.settings.tinit = int(self.warmup * n_steps)
        self.settings.tfinal = int(self.final * n_steps)

    def extra_loss(self) -> Tensor:
        """Mean distance of P^T P and Q Q^T from the identity, times `orth_reg_weight` (equation 4)."""
        distances = []
        for name, p in self.named_parameters().items():
            if ".lora_A." in name or ".lora_B." in name:
                gram = p @ p.T if ".lora_A." in name else p.T @ p
                distances.append((gram - torch.eye(len(gram), device=p.device, dtype=p.dtype)).norm())
        return self.settings.orth_reg_weight * torch.stack(distances).mean()

    def after_step(self) -> None:
        """Update the importances, and take ranks away when it is time."""
        if any(p.grad is None for p in self.named_parameters().values()):
            return  # the loss did not reach the encoder, so it says nothing on what is important
        self.step += 1
        self.tuner.update_and_allocate(self.step)

    def ranks(self) -> dict[str, int]:
        """Module name -> how many of its singular values are not zero."""
        values = {n.partition(".lora_E.")[0]: p for n, p in self.named_parameters().items() if ".lora_E." in n}
        return {n.removeprefix("base_model.model."): int((p != 0).sum()) for n, p in values.items()}

    @contextmanager
    def _at_initial_rank(self) -> Iterator[None]:
        """Inside, peft knows of no ranks taken away, and leaves the shapes alone."""
        pattern, self.settings.rank_pattern = self.settings.rank_pattern, None
        try:
            yield
        finally:
            self.settings.rank_pattern = pattern

    def write(self, folder: Path) -> None:
        """Write peft's files at the initial rank, with zeros where ranks were taken away."""
        with self._at_initial_rank():
            super().write(folder)

    def read(self, folder: Path) -> None:
        """Read what `write` wrote."""
        with self._at_initial_rank():
            super().read(folder)

    def state(self) -> dict[str, Tensor]:
        """The parameters, the step, the importances and the ranks that are left."""
        state = super().state() | {f"{STATE}step": torch.tensor(self.step)}
        for kind in IMPORTANCE:
            state |= {f"{STATE}{kind}:{n}": x.clone() for n, x in getattr(self.allocator, kind).items()}
        pattern = self.settings.rank_pattern or {}
        return state | {f"{STATE}rank_pattern:{n}": torch.tensor(kept) for n, kept in pattern.items()}

    def load_state(self, state: dict[str, Tensor]) -> None:
        """Bring back a copy that `state` made."""
        super().load_state(state)
        self.step = int(state[f"{STATE}step"])
        device = next(iter(self.named_parameters().values())).device
        for kind in IMPORTANCE:
            stored = {n: x.clone().to(device) for n, x in _section(state, kind).items()}
            setattr(self.allocator, kind, stored)
        pattern = {n: kept.tolist() for n, kept in _section(state, "rank_pattern").items()}
        self.settings.rank_pattern = pattern or None


def _section(state: dict[str, Tensor], kind: str) -> dict[str, Tensor]:
    prefix = f"{STATE}{kind}:"
    return {name.removeprefix(prefix): x for name, x in state.items() if name.startswith(prefix)}
