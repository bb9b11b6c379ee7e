"""Product pictures of the generated dataset: a patterned object with a soft shadow before a lit wall."""

from __future__ import annotations

import colorsys
import math
from collections.abc import Callable

import numpy as np
from PIL import Image, ImageChops, ImageDraw, ImageFilter

SIZE = 96  # pixels of the finished picture
CANVAS = 3 * SIZE  # drawn larger and then reduced, for smooth edges

Colour = tuple[int, int, int]
Part = tuple[
    str, list[int], dict[str, int]
]  # ImageDraw method, coordinates in percent of the canvas, options in percent

# kind -> (parts in the accent colour, parts with the pattern); a part with a "width" is a ring, others are filled.
SILHOUETTES: dict[str, tuple[list[Part], list[Part]]] = {
    "mug": (
        [("ellipse", [58, 40, 84, 68], {"width": 6})],
        [("rounded_rectangle", [26, 32, 69, 78], {"radius": 8})],
    ),
    "vase": (
        [("ellipse", [38, 16, 62, 24], {})],
        [
            ("polygon", [40, 20, 60, 20, 57, 36, 70, 54, 62, 80, 38, 80, 30, 54, 43, 36], {}),
            ("ellipse", [28, 36, 72, 76], {}),
        ],
    ),
    "lamp": (
        [("rectangle", [48, 44, 52, 78], {}), ("ellipse", [34, 74, 66, 82], {})],
        [("polygon", [38, 16, 62, 16, 76, 48, 24, 48], {})],
    ),
    "bottle": (
        [("rounded_rectangle", [44, 14, 56, 22], {"radius": 2})],
        [("rectangle", [45, 21, 55, 36], {}), ("rounded_rectangle", [36, 34, 64, 81], {"radius": 9})],
    ),
    "bag": (
        [("ellipse", [35, 18, 65, 62], {"width": 4})],
        [("polygon", [27, 38, 73, 38, 80, 80, 20, 80], {})],
    ),
    "cushion": (
        [("ellipse", [x, y, x + 7, y + 7], {}) for x in (20, 73) for y in (26, 71)],
        [("rounded_rectangle", [23, 29, 77, 75], {"radius": 12})],
    ),
    "lantern": (
        [
            ("rounded_rectangle", [39, 15, 61, 26], {"radius": 2}),
            ("rounded_rectangle", [39, 73, 61, 83], {"radius": 2}),
        ],
        [("ellipse", [21, 21, 79, 78], {})],
    ),
    "chair": (
        [("polygon", [30, 58, 35, 58, 31, 84, 27, 84], {}), ("polygon", [65, 58, 70, 58, 73, 84, 69, 84], {})],
        [
            ("rounded_rectangle", [31, 16, 69, 52], {"radius": 8}),
            ("rounded_rectangle", [25, 50, 75, 62], {"radius": 5}),
        ],
    ),
    "teapot": (
        [("ellipse", [13, 42, 38, 68], {"width": 5}), ("ellipse", [46, 26, 54, 34], {})],
        [("polygon", [68, 54, 88, 36, 90, 40, 72, 70], {}), ("ellipse", [25, 32, 75, 80], {})],
    ),
    "bowl": (
        [("rectangle", [40, 74, 60, 82], {})],
        [("chord", [17, 14, 83, 78], {"start": 0, "end": 180})],
    ),
    "umbrella": (
        [("rectangle", [48, 14, 52, 76], {}), ("ellipse", [48, 68, 62, 82], {"width": 4})],
        [("chord", [15, 20, 85, 88], {"start": 180, "end": 360})],
    ),
    "hat": (
        [("rectangle", [30, 58, 70, 66], {})],
        [("rounded_rectangle", [31, 26, 69, 58], {"radius": 9}), ("ellipse", [14, 62, 86, 76], {})],
    ),
    "suitcase": (
        [
            ("rounded_rectangle", [40, 22, 60, 40], {"width": 4, "radius": 4}),
            ("rectangle", [26, 76, 32, 83], {}),
            ("rectangle", [68, 76, 74, 83], {}),
        ],
        [("rounded_rectangle", [18, 33, 82, 78], {"radius": 6})],
    ),
    "candle": (
        [("ellipse", [46, 12, 54, 27], {}), ("ellipse", [26, 72, 74, 84], {})],
        [("rectangle", [38, 29, 62, 78], {})],
    ),
    "kite": (
        [("polygon", [46, 72, 54, 72, 58, 88, 42, 88], {})],
        [("polygon", [50, 12, 78, 40, 50, 78, 22, 40], {})],
    ),
    "boat": (
        [("polygon", [18, 64, 82, 64, 70, 82, 30, 82], {}), ("rectangle", [48, 12, 51, 66], {})],
        [("polygon", [53, 14, 80, 58, 53, 58], {}), ("polygon", [46, 22, 46, 58, 22, 58], {})],
    ),
}
# pattern -> function of the phases down [h, 1] and across [1, w]; the second colour goes where it is positive.
PATTERNS: dict[str, Callable[[np.ndarray, np.ndarray], np.ndarray]] = {
    "plain": lambda y, x: -np.ones_like(x),
    "stripes": lambda y, x: np.sin(x),
    "bands": lambda y, x: np.sin(y),
    "dots": lambda y, x: np.sin(x) * np.sin(y) - 0.35,
    "checks": lambda y, x: np.sin(x) * np.sin(y),
    "waves": lambda y, x: np.sin(y + 1.5 * np.sin(x / 2)),
}
TONES = {"dark": (0.16, 0.30), "light": (0.70, 0.84)}  # range of the object's lightness
HUES = {"orange": 0.06, "green": 0.31, "blue": 0.58, "pink": 0.86}  # centre of the object's hue
ACCENTS: list[Colour] = [(176, 132, 84), (201, 168, 92), (120, 120, 126), (92, 64, 48), (222, 216, 204)]


def _colour(hue: float, lightness: float, saturation: float) -> Colour:
    """8-bit RGB of hue (a circle of length 1), lightness (kept within 0.06 to 0.96) and saturation."""
    r, g, b = colorsys.hls_to_rgb(hue % 1.0, min(max(lightness, 0.06), 0.96), saturation)
    return round(255 * r), round(255 * g), round(255 * b)


def _mask(parts: list[Part], zoom: float, shift: np.ndarray, tilt: float) -> Image.Image:
    """A silhouette, white on black, enlarged about the centre, moved by `shift` pixels and turned by `tilt` degrees."""
    mask = Image.new("L", (CANVAS, CANVAS))
    draw = ImageDraw.Draw(mask)
    percent = zoom * CANVAS / 100
    for method, coordinates, options in parts:
        points = (np.reshape(coordinates, (-1, 2)) - 50) * percent + CANVAS / 2 + shift
        scaled = {k: v if k in ("start", "end") else round(v * percent) for k, v in options.items()}
        paint = {"outline": 255} if "width" in options else {"fill": 255}
        getattr(draw, method)(points.ravel().tolist(), **scaled, **paint)
    return mask.rotate(tilt, Image.Resampling.BILINEAR)


def _pattern(name: str, period: float) -> Image.Image:
    """Mask of a surface pattern that repeats after `period` pixels."""
    phase = np.arange(CANVAS) * (2 * math.pi / period)
    positive = PATTERNS[name](phase[:, None], phase[None, :]) > 0
    return Image.fromarray(np.broadcast_to(positive, (CANVAS, CANVAS)).astype(np.uint8) * 255)


def _ramp(first: Colour, last: Colour, size: tuple[int, int], across: bool = False) -> Image.Image:
    """Picture that goes smoothly from one colour at the top to another below, or from left to right."""
    mix = np.linspace(0, 1, size[0] if across else size[1])[:, None]
    line = ((1 - mix) * np.array(first) + mix * np.array(last)).round().astype(np.uint8)
    pixels = np.broadcast_to(line[None] if across else line[:, None], (size[1], size[0], 3))
    return Image.fromarray(np.ascontiguousarray(pixels))


def draw_picture(kind: str, tone: str, hue: str, pattern: str, rng: np.random.Generator) -> Image.Image:
    """RGB picture of SIZE x SIZE pixels; hues, wall, accent, size, place and tilt are drawn from `rng`."""
    object_hue, wall_hue = HUES[hue] + rng.uniform(-0.05, 0.05), rng.random()
    lightness, wall = rng.uniform(*TONES[tone]), rng.uniform(0.25, 0.9)
    accent = ACCENTS[rng.integers(len(ACCENTS))]
    period, zoom, tilt = rng.uniform(0.09, 0.19) * CANVAS, rng.uniform(0.8, 1.1), rng.uniform(-8, 8)
    shift = rng.uniform(-0.05, 0.05, 2) * CANVAS
    full, horizon = (CANVAS, CANVAS), round(0.72 * CANVAS)

    picture = _ramp(_colour(wall_hue, wall + 0.06, 0.35), _colour(wall_hue, wall - 0.06, 0.35), full)
    near, far = _colour(wall_hue, wall - 0.06, 0.3), _colour(wall_hue, wall - 0.16, 0.3)
    picture.paste(_ramp(far, near, (CANVAS, CANVAS - horizon)), (0, horizon))

    accents, body = (_mask(parts, zoom, shift, tilt) for parts in SILHOUETTES[kind])
    outline = ImageChops.lighter(accents, body).filter(ImageFilter.GaussianBlur(CANVAS / 32))
    shadow = ImageChops.offset(outline, CANVAS // 40, CANVAS // 28).point(lambda value: value * 0.45)
    picture.paste((20, 18, 24), (0, 0), shadow)
    picture.paste(accent, (0, 0), accents)

    step = 0.13 if tone == "dark" else -0.13
    base, second = _colour(object_hue, lightness, 0.7), _colour(object_hue + 0.05, lightness + step, 0.7)
    surface = Image.new("RGB", full, base)
    surface.paste(second, (0, 0), _pattern(pattern, period))
    lit = ImageChops.multiply(surface, _ramp((255, 255, 255), (190, 190, 198), full, across=True))
    picture.paste(lit, (0, 0), body)
    return picture.resize((SIZE, SIZE), Image.Resampling.LANCZOS)
