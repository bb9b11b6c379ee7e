"""The pixels that the encoder reads and a page shows: upright, on white, and nothing of what is hidden."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageOps

from feature_cache import Store, check_image, import_content
from feature_cache.pixels import PIXELS, upright_rgb
from run_tools.page.thumbnails import make_thumbnail

RED, WHITE = (200, 30, 30), (255, 255, 255)


def halves() -> Image.Image:
    """Red above white."""
    picture = Image.new("RGB", (64, 64), WHITE)
    picture.paste(RED, (0, 0, 64, 32))
    return picture


def encoded(picture: Image.Image, kind: str = "PNG", **more) -> bytes:
    file = io.BytesIO()
    picture.save(file, kind, **more)
    return file.getvalue()


def pixels(data: bytes) -> np.ndarray:
    return np.asarray(upright_rgb(Image.open(io.BytesIO(data))), dtype=int)


def turned(orientation: int = 6) -> bytes:
    """The picture as a camera stores it that was held on its side."""
    exif = Image.Exif()
    exif[0x0112] = orientation
    return encoded(halves().transpose(Image.Transpose.ROTATE_90), exif=exif)


def test_a_picture_is_turned_as_it_says_for_encoder_and_page_alike():
    assert (pixels(turned()) == pixels(encoded(halves()))).all()
    assert make_thumbnail(turned(), 32).uri == make_thumbnail(encoded(halves()), 32).uri


@pytest.mark.parametrize("orientation", range(10))
def test_every_orientation_is_pillow_s(orientation):
    picture = halves()
    picture.paste((0, 0, 90), (0, 0, 10, 50))  # no symmetry
    exif = Image.Exif()
    exif[0x0112] = orientation
    data = encoded(picture, exif=exif)
    with Image.open(io.BytesIO(data)) as same:
        assert (pixels(data) == np.asarray(ImageOps.exif_transpose(same), dtype=int)).all()


@pytest.mark.parametrize("at", range(0, 12))
def test_damaged_exif_data_turn_nothing_and_end_nothing(at):
    exif = Image.Exif()
    exif[0x0112], exif[0x010F] = 6, "maker"
    data = bytearray(encoded(halves(), "WEBP", exif=exif, lossless=True))
    data[data.index(b"EXIF") + 8 + at] ^= 0xFF
    assert check_image(bytes(data)) == (64, 64)
    assert pixels(bytes(data)).shape == (64, 64, 3)


@pytest.mark.parametrize("mode", ["RGBA", "LA", "P"])
def test_what_is_transparent_is_white_whatever_colour_is_hidden_in_it(mode):
    disc = Image.new("RGBA", (8, 8), (0, 0, 0, 0))
    disc.paste((200, 200, 200, 255), (2, 2, 6, 6))
    if mode == "P":
        picture = disc.convert("RGB").quantize(8)
        data = encoded(picture, transparency=picture.getpixel((0, 0)))
    else:
        data = encoded(disc if mode == "RGBA" else disc.convert("LA"))
    shown = pixels(data)
    assert (shown[0, 0] == 255).all() and (shown[4, 4] == 200).all()


def test_sixteen_bits_keep_their_greys():
    grey = np.linspace(0, 65535, 64, dtype=np.uint16).reshape(8, 8)
    assert (pixels(encoded(Image.fromarray(grey)))[..., 0] == grey // 257).all()


@pytest.mark.parametrize("kind", ["AVIF", "TIFF", "WEBP"])
def test_formats_that_cameras_and_shops_use_are_read(kind):
    assert check_image(encoded(halves(), kind)) == (64, 64)


@pytest.mark.parametrize(("data", "revision"), [(encoded(halves()), 1), (turned(), PIXELS)])
def test_only_pictures_that_older_versions_drew_otherwise_make_another_key(data, revision, tmp_path):
    (tmp_path / "d/images").mkdir(parents=True)
    Path(tmp_path / "d/images/0.png").write_bytes(data)
    assert import_content(Store(tmp_path / "cache"), tmp_path / "d", 1).pixels == revision
