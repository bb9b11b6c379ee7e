"""How a package outside the project tests what it brings: the suites that this project's own pass."""

import ptmrec_bias  # noqa: F401  (registers)
import ptmrec_grey  # noqa: F401
import ptmrec_scale  # noqa: F401

from mmrec_host.testing import ModelConformance
from ptmrec_plugin.testing import EncoderConformance, VariantConformance


class TestScale(VariantConformance):
    variant = "scale"
    n_parameters = 2 * 2 * 64


class TestScaleOnGrey(VariantConformance):
    variant = "scale"
    encoder = "grey"


class TestGrey(EncoderConformance):
    encoder = "grey"
    others = [{"encoder_seed": 1}]


class TestBiasMF(ModelConformance):
    name = "BiasMF"
