"""What the results table shows of tuning."""

from __future__ import annotations

from typing import Any

from .tuner import Tuner


def tuning_columns(peft: str, tuner: Tuner, adapter_bytes: int | None, gain: float | None) -> dict[str, Any]:
    """The variant, what it costs, and what validation gains by it.

    Seconds and items are those of training epochs, without evaluations.

    Args:
        adapter_bytes: size of the saved adapter; None if it was not saved.
        gain: of `valid_metric` over the best of stage 1, 0 where tuning brought nothing better; None without a stage 1.
    """
    sizes = tuner.sizes()
    columns = {"peft": peft, "peft parameters": sizes["peft_parameters"], "peft share %": 100 * sizes["peft_share"]}
    if tuner.epochs:
        seconds = sum(each for _, each in tuner.epochs)
        columns |= {"s/epoch": seconds / len(tuner.epochs), "items/s": sum(n for n, _ in tuner.epochs) / seconds}
    if adapter_bytes is not None:
        columns["adapter kB"] = adapter_bytes / 1000
    if gain is not None:
        columns["valid gain"] = gain
    return columns
