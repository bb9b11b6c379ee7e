"""Every encoder that needs no hub keeps the contract."""

from __future__ import annotations

from ptmrec_plugin.testing import EncoderConformance


class TestTiny(EncoderConformance):
    encoder = "tiny"
    others = [{"encoder_seed": 1}]


class TestOffline(EncoderConformance):
    encoder = "offline"
    others = [{"encoder_image_size": 96}, {"encoder_context": 16}]
