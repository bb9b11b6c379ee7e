"""Pictures of every mode as RGB."""

from __future__ import annotations

import numpy as np
from PIL import Image

DEEP = "I"  # how the names of Pillow's modes of more than 8 bits a pixel begin
RANGE = 257  # from 16 bits to 8


def as_rgb(picture: Image.Image) -> Image.Image:
    """A picture in RGB, before it is resized; 16 bits of grey become 8, which Pillow itself would cut off at white.

    open_clip's own preprocessing converts last: a picture with a palette is then resized by its colours' numbers, and
    comes out different.
    """
    if picture.mode.startswith(DEEP):
        grey = np.clip(np.asarray(picture), 0, RANGE * 255) // RANGE
        picture = Image.fromarray(grey.astype(np.uint8))
    return picture.convert("RGB")
