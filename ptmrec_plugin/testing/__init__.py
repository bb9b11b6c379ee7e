"""Conformance suites for PEFT variants and encoders, which a test class of yours inherits. No data set is needed.

from ptmrec_plugin.testing import EncoderConformance, VariantConformance

class TestMyVariant(VariantConformance):
    variant = "mine"

class TestMyEncoder(EncoderConformance):
    encoder = "mine"

What they promise stands in the docstrings of their tests. They need no pytest; under pytest, `register_assert_rewrite`
with "ptmrec_plugin.testing.variants" or "ptmrec_plugin.testing.encoders" makes a failing assertion show its values.
"""

from .encoders import EncoderConformance
from .variants import VariantConformance

__all__ = ["EncoderConformance", "VariantConformance"]
