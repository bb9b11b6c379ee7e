"""The markdown table of one scale."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

STEPS = ("train epoch", "evaluation", "default epoch", "construct", "read data")
ONCE = {"loader": "BPR", "item graph": "FREEDOM"}  # step -> the model in whose process it is measured


def table(results: dict[str, Any], scale: str, labels: Sequence[str]) -> str:
    """CPU seconds and peak memory of the hosts, a row for each step of each model."""
    rows = [
        "| model | step | MMRec, s | ours, s | MMRec / ours | floor, s | ours / floor |",
        "|---|---|---|---|---|---|---|",
    ]
    for label in labels:
        ours, mmrec, floor = (results.get(f"{scale} | {label} | {host}") for host in ("ours", "mmrec", "floor"))
        if mmrec is None and label.endswith(" frozen"):  # MMRec always trains them
            mmrec = results.get(f"{scale} | {label.removesuffix(' frozen')} | mmrec")
        for step in [*STEPS, *(step for step, owner in ONCE.items() if owner == label)]:
            rows.append(_row(label, step, *(seconds(result, step) for result in (mmrec, ours, floor)), mmrec))
        rows.append(_memory(label, mmrec, ours))
    machine = next((r["machine"] for r in results.values() if "machine" in r), "")
    return f"\n### {scale}\n\n{machine}\n\n" + "\n".join(rows)


def seconds(result: dict[str, Any] | None, step: str) -> float | None:
    """CPU seconds of the fastest run of a step; None if it was not reached."""
    if result is None:
        return None
    if step == "default epoch":
        parts = [seconds(result, "train epoch"), seconds(result, "evaluation")]
        if None in parts:
            return None
        return parts[0] + parts[1] * (2 if result.get("host") == "mmrec" else 1)
    runs = result["steps"].get(step)
    return min(cpu for cpu, _ in runs) if runs else None


def _row(label: str, step: str, mmrec: float | None, ours: float | None, floor: float | None, their: Any) -> str:
    if mmrec is None and their is not None and their.get("stopped"):
        said = their["stopped"]
    else:
        said = _number(mmrec)
    ratio = f"**{mmrec / ours:.1f}**" if mmrec and ours else ""
    distance = f"{ours / floor:.2f}" if floor and ours else ""
    return f"| {label} | {step} | {said} | {_number(ours)} | {ratio} | {_number(floor)} | {distance} |"


def _memory(label: str, mmrec: Any, ours: Any) -> str:
    peaks = [result["peak_memory"] / 2**30 if result and "peak_memory" in result else None for result in (mmrec, ours)]
    shown = ["" if peak is None else f"{peak:.2f} GiB" for peak in peaks]
    ratio = f"{peaks[0] / peaks[1]:.1f}" if all(peaks) else ""
    return f"| {label} | peak memory | {shown[0]} | {shown[1]} | {ratio} | | |"


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:.3g}" if value < 100 else f"{value:.0f}"
