"""An encoder outside the project: a small random CLIP that sees pictures without their colours."""

from ptmrec_plugin.encoders.dual import ENCODERS, DualEncoder
from ptmrec_plugin.encoders.open_clip_towers import build_open_clip


@ENCODERS.register("grey")
def build_grey(config):
    """A small random CLIP that sees shades of grey, for tests."""
    clip = build_open_clip(config)

    def preprocess(image):
        return clip.preprocess(image.convert("L").convert("RGB"))

    identity = {**clip.identity["preprocessing"], "colours": "grey"}
    return DualEncoder("grey", clip.model, preprocess, clip.tokenize, clip.pad_id, identity)


build_grey.defaults = {"encoder_model": "tiny", "encoder_pretrained": None, "encoder_seed": 0}
