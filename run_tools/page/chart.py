"""Values with their intervals, drawn as SVG: a row each, under its name."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from .markup import Markup, shorten, tag

WIDTH, ROW, AXIS = 360, 38, 22  # units; a unit is about a pixel on a telephone
NAME_LENGTH = 30  # characters
LABEL = 50  # units: room for a number under the axis
SYMBOLS = {"better": "▲", "worse": "▼"}


@dataclass(frozen=True)
class Bar:
    """A named value with its interval (None: unknown), how it is written, and a verdict."""

    name: str
    value: float
    interval: tuple[float, float] | None
    written: str
    verdict: str = ""


def draw_bars(bars: Sequence[Bar], label: str) -> Markup:
    """The bars over one axis that holds 0.

    Args:
        label: what the picture is, for who cannot see it.
    """
    ends = [end for bar in bars for end in (bar.interval or (bar.value,))]
    low, high = min(0.0, *ends), max(0.0, *ends)
    span = (high - low) or 1.0
    left, width = 10, WIDTH - 20

    def x(value: float) -> float:
        return round(left + width * (value - low) / span, 1)

    height = ROW * len(bars) + AXIS
    parts = []
    for number, bar in enumerate(bars):
        top = ROW * number
        y, symbol = top + 24, SYMBOLS.get(bar.verdict)
        parts.append(tag("line", x1=x(0), x2=x(0), y1=y - 8, y2=y + 8, class_="zero"))
        parts.append(tag("text", shorten(bar.name, NAME_LENGTH), x=0, y=top + 13))
        parts.append(tag("text", bar.written, x=WIDTH, y=top + 13, text_anchor="end", class_="number"))
        if bar.interval is not None:
            start, end = map(x, bar.interval)
            parts.append(tag("line", x1=start, x2=end, y1=y, y2=y, class_=f"interval {bar.verdict}".strip()))
        if symbol:
            where = {"x": x(bar.value), "y": y + 5, "text_anchor": "middle"}
            parts.append(tag("text", symbol, **where, class_=f"point {bar.verdict}"))
        else:
            parts.append(tag("circle", cx=x(bar.value), cy=y, r=4, class_="point"))
    for value in (0.0, *(end for end in (low, high) if abs(x(end) - x(0)) >= LABEL)):
        anchor = "start" if value == low else "end" if value == high else "middle"
        written = f"{value:.2g}".replace("-", "−")
        parts.append(tag("text", written, x=x(value), y=height - 4, text_anchor=anchor, class_="tick"))
    return tag("svg", parts, viewBox=f"0 0 {WIDTH} {height}", role="img", aria_label=label, class_="chart")
