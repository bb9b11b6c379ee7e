"""Conformance suites for recommenders, and small planted data for tests of them. The suites need pytest.

A model of yours passes when its class inherits the suites that fit it:

    import my_model  # registers "Mine"
    from mmrec_host.testing import FeatureModelConformance, ItemGraphConformance, ModalityScores

    class TestMine(FeatureModelConformance):
        name = "Mine"
        changes = {"n_layers": 1}        # keys that make it small, if it needs them

`ModelConformance` is for any model, `FeatureModelConformance` (which includes it) for one that reads item features.
`ModalityScores` and `ItemGraphConformance` are added for a model with these hooks of `mmrec_host.models.contract`.
"""

import pytest

pytest.register_assert_rewrite("mmrec_host.testing.models")

from .models import (  # noqa: E402 (after their assertions are made readable)
    FeatureModelConformance,
    ItemGraphConformance,
    ModalityScores,
    ModelConformance,
)
from .toy_data import toy_config, toy_features, toy_loader, toy_pairs  # noqa: E402

__all__ = [
    "FeatureModelConformance",
    "ItemGraphConformance",
    "ModalityScores",
    "ModelConformance",
    "toy_config",
    "toy_features",
    "toy_loader",
    "toy_pairs",
]
