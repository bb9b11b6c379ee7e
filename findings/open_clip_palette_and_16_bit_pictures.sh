#!/usr/bin/env bash
# open_clip's preprocessing resizes a picture before it makes it RGB. A picture with a palette is resized by the numbers of
# its colours, without interpolation, so the same picture gives other pixels as a palette PNG than as an RGB PNG. And
# 16 bits of grey are cut off at 255 by Pillow's `convert("RGB")`, so that a photograph comes out as one white picture.
# Seen with open_clip_torch 3.3.0, pillow 13.0.0. Exits 0 if that is still so.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet torch==2.14.1 torchvision==0.29.1 open_clip_torch==3.3.0 pillow==13.0.0
"$folder/venv/bin/python" - <<'PYTHON'
import io, sys

import numpy as np, open_clip, PIL
from PIL import Image

print("open_clip", open_clip.__version__, "pillow", PIL.__version__)
preprocess = open_clip.image_transform(64, is_train=False)


def read(picture):
    file = io.BytesIO()
    picture.save(file, "PNG")
    return Image.open(file)


colours = np.random.default_rng(0).integers(0, 255, (200, 200, 3), dtype=np.uint8)
palette = Image.fromarray(colours).quantize(64)
one, other = preprocess(read(palette)), preprocess(read(palette.convert("RGB")))
print(f"palette PNG against the same picture in RGB: pixels differ by up to {(one - other).abs().max():.2f}")
ramp = np.linspace(300, 65535, 200 * 200).reshape(200, 200).astype(np.uint16)
deep = preprocess(read(Image.fromarray(ramp)))
flat = preprocess(read(Image.fromarray((ramp // 257).astype(np.uint8))))
print(f"a ramp of greys, deviation of its pixels: 8 bits {flat.std(dim=(1, 2)).mean():.3f}, 16 bits {deep.std(dim=(1, 2)).mean():.3f}")
sys.exit(0 if (one - other).abs().max() > 0.5 and deep.std(dim=(1, 2)).max() < 1e-3 < flat.std(dim=(1, 2)).min() else 1)
PYTHON
