"""The pixels of a picture, as the encoder reads them and a page shows them: upright, on white, in RGB."""

from __future__ import annotations

import numpy as np
from PIL import Image

PIXELS = 2
"""Revision of what `upright_rgb` makes, for the keys of what is made of pixels; 1 ignored orientation and alpha."""

GROUND = (255, 255, 255)  # behind what is transparent, as shops and pages show it
DEEP = "I"  # how the names of Pillow's modes of more than 8 bits a pixel begin
RANGE = 257  # from 16 bits to 8
ORIENTATION = 0x0112  # EXIF's tag
TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
"""EXIF orientation -> what makes such a picture upright (EXIF 2.3, tag 0x0112)."""


def is_redrawn(picture: Image.Image) -> bool:
    """Whether revision 1 of `upright_rgb` made other pixels of it, as far as its head tells."""
    return _turn(picture) is not None or picture.has_transparency_data


def _turn(picture: Image.Image) -> Image.Transpose | None:
    """What makes a picture upright; nothing where its EXIF data do not say, or cannot be read.

    Pillow's own `exif_transpose` ends in errors of many kinds where they are damaged.
    """
    try:
        return TURNS.get(picture.getexif().get(ORIENTATION, 1))
    except Exception:  # whatever a damaged record leads to: the pixels are good
        return None


def upright_rgb(picture: Image.Image) -> Image.Image:
    """A picture of any mode in RGB, before it is resized: turned as its EXIF orientation says, composited on white.

    16 bits of grey become 8, which Pillow itself would cut off at white. open_clip's own preprocessing converts last: a
    picture with a palette is then resized by its colours' numbers, and comes out different.
    """
    turn = _turn(picture)
    if turn is not None:
        picture = picture.transpose(turn)
    if picture.mode.startswith(DEEP):
        grey = np.clip(np.asarray(picture), 0, RANGE * 255) // RANGE
        picture = Image.fromarray(grey.astype(np.uint8))
    if picture.has_transparency_data:
        coloured = picture.convert("RGBA")
        picture = Image.new("RGB", picture.size, GROUND)
        picture.paste(coloured, mask=coloured)
    return picture.convert("RGB")
