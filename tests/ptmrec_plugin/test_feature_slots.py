"""Slots: found in models that know nothing of them, filled, swapped live and restored."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from mmrec_host.config import load_config
from mmrec_host.errors import ConfigError
from mmrec_host.models.base import MODELS
from mmrec_host.runs.build import build
from ptmrec_plugin.stage2.feature_slots import FeatureSlots

BASES = ["VBPR", "Content", "FREEDOM", "LATTICE"]


@pytest.fixture
def built(toy_keys, request):
    MODELS.get(request.param)
    config = load_config(request.param, "toy", overrides={**toy_keys, "features": "encoder"})
    config["trainable_features"] = False
    _, loader, model = build(config)
    return loader, model


@pytest.mark.parametrize("built", BASES, indirect=True)
def test_the_same_features_put_back_give_identical_scores_and_others_do_not(built):
    loader, model = built
    users, tables = torch.arange(model.n_users), loader.features.tables()
    slots = FeatureSlots(model.eval(), tables)
    with torch.no_grad():
        before = model.full_sort_predict([users]).clone()
        slots.put({m: x.clone() for m, x in tables.items()})
        model.rebuild_from_features()
        assert torch.equal(model.full_sort_predict([users]), before)
        slots.put({m: x.flip(0) for m, x in tables.items()})
        model.rebuild_from_features()
        assert not torch.allclose(model.full_sort_predict([users]), before)


@pytest.mark.parametrize("built", BASES, indirect=True)
def test_a_gradient_reaches_live_features(built):
    loader, model = built
    tables = loader.features.tables()
    slots = FeatureSlots(model, tables)
    live = {m: x.clone().requires_grad_() for m, x in tables.items()}
    model.train()
    model.pre_epoch_processing()
    loss = slots.call(model.calculate_loss, live, next(loader.epoch(1)))
    parts = loss if isinstance(loss, tuple) else (loss,)
    sum(p.sum() for p in parts).backward()
    assert all(x.grad is not None and x.grad.abs().sum() > 0 for x in live.values())
    assert all(getattr(slot.module, slot.attribute) is not live for slot in slots.slots)
    assert not any(getattr(slot.module, slot.attribute).requires_grad for slot in slots.slots)


class Foreign(nn.Module):
    """Keeps features as MMRec models do: a concatenation, an embedding that shares storage, a buffer."""

    def __init__(self, v: torch.Tensor, t: torch.Tensor) -> None:
        super().__init__()
        self.both = torch.cat((t, v), -1)
        self.image = nn.Embedding.from_pretrained(v, freeze=False)
        self.register_buffer("text", t.clone())
        self.other = nn.Parameter(torch.randn(6, 2))


def test_concatenations_embeddings_and_buffers_are_found_by_value():
    v, t = torch.randn(6, 2), torch.randn(6, 3)
    model = Foreign(v, t)
    slots = FeatureSlots(model, {"v": v, "t": t})
    assert sorted((s.attribute, s.modalities) for s in slots.slots) == [
        ("both", ("t", "v")),
        ("text", ("t",)),
        ("weight", ("v",)),
    ]
    assert not model.image.weight.requires_grad and model.other.requires_grad
    new = {"v": v + 1, "t": t + 1}
    with slots.live(new):
        assert torch.equal(model.both, torch.cat((t + 1, v + 1), -1)) and torch.equal(model.image.weight, v + 1)
    assert torch.equal(model.both, torch.cat((t, v), -1)) and torch.equal(model.image.weight, v)


def test_a_recommender_that_keeps_no_features_is_refused():
    with pytest.raises(ConfigError, match="no parameter, buffer or attribute"):
        FeatureSlots(nn.Linear(2, 2), {"v": torch.randn(4, 3)})


def test_slots_are_restored_when_the_loss_fails():
    v = torch.randn(6, 2)
    model = Foreign(v, torch.randn(6, 3))
    slots = FeatureSlots(model, {"v": v})
    with pytest.raises(RuntimeError), slots.live({"v": v + 1}):
        raise RuntimeError
    assert torch.equal(model.image.weight, v) and isinstance(model.image.weight, nn.Parameter)
