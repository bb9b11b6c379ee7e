"""PTMRec on recommenders from MMRec files, which only score: vectors, graphs and state are found from outside."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from interrupted_runs import Interrupted, differences, interrupt_after, outcome
from mmrec_checkout import HOME, needs_mmrec

from mmrec_bridge.checkout import load_checkout
from mmrec_host.cli.plugins import load_plugin
from mmrec_host.config import load_config
from mmrec_host.errors import ConfigError
from mmrec_host.evaluation.score_vectors import vectors_of
from mmrec_host.models.base import MODELS
from mmrec_host.quick_start import quick_start
from mmrec_host.runs.build import build
from ptmrec_plugin.modes import MODES
from ptmrec_plugin.stage2.pools import make_batches

# Keeps a graph of the features, scores with what the last batch left, and draws a plain tensor at construction.
SMOOTH = """
import torch
from torch import nn
from common.abstract_recommender import GeneralRecommender
from common.loss import BPRLoss
from utils.utils import build_sim, build_knn_normalized_graph


class Smooth(GeneralRecommender):
    def __init__(self, config, dataset):
        super().__init__(config, dataset)
        self.drawn = torch.rand(3)
        self.graph = build_knn_normalized_graph(build_sim(self.t_feat), 5, True, 'sym')
        self.users, self.ids = nn.Embedding(self.n_users, 8), nn.Embedding(self.n_items, 8)
        self.image = nn.Embedding.from_pretrained(self.v_feat, freeze=False)
        self.maps = nn.ModuleList([nn.Linear(x.shape[1], 8) for x in (self.v_feat, self.t_feat)])

    def vectors(self):
        content = self.maps[0](self.image.weight) + self.maps[1](self.t_feat)
        return content + torch.sparse.mm(self.graph, self.ids.weight)

    def calculate_loss(self, interaction):
        self.last = items = self.vectors()
        u, i = self.users(interaction[0]), items[interaction[1]]
        if len(interaction) == 2:
            return (1 - torch.cosine_similarity(u, i)).mean()
        return BPRLoss()((u * i).sum(1), (u * items[interaction[2]]).sum(1))

    def full_sort_predict(self, interaction):
        return self.users(interaction[0]) @ self.last.T
"""
QUICK = {"epochs": 3, "stage2_epochs": 3, "pool_size": 16, "learning_rate": 0.02, "tuning_learning_rate": 0.01}


@pytest.fixture(autouse=True)
def smooth(tmp_path: Path, monkeypatch):
    """The model Smooth is known; what a test registers is forgotten after it."""
    monkeypatch.setattr(MODELS, "_objects", dict(MODELS._objects))
    file = tmp_path / "models" / "smooth.py"
    file.parent.mkdir()
    file.write_text(SMOOTH)
    load_plugin(file)


@pytest.fixture
def keys(toy_keys):
    return {**toy_keys, **QUICK, "base": "Smooth"}


@pytest.mark.parametrize("mode", sorted(MODES))
def test_every_mode_runs_and_tunes_what_it_should(mode, keys):
    result = quick_start("PTMRec", "toy", {**keys, "mode": mode, "joint_epochs": 2, "kt_weight": 0.5})
    lines = [line for line in result.record.epochs() if line["phase"] in ("stage2", "joint") and line["epoch"]]
    norms = [line[f"gradient_norm_{m}"] for line in lines for m in "vt" if "gradient_norm_v" in line]
    assert all(norm > 0 for norm in norms) and bool(norms) == MODES[mode].peft
    assert result.test["recall@20"] > 0


def test_the_teacher_scores_as_the_base_does(keys):
    result = quick_start("PTMRec", "toy", {**keys, "mode": "frozen"})
    users, items = vectors_of(result.model, "PTMRec")
    scores = result.model.full_sort_predict([torch.arange(len(users)), None])
    torch.testing.assert_close(users @ items.T, scores, atol=1e-4, rtol=1e-4)


def test_graphs_follow_the_features_and_all_else_stays(keys):
    model = build(load_config("PTMRec", "toy", overrides=keys))[2]
    inner = model.recommender.base.inner
    inner.last = torch.ones(model.n_items, 8)
    before = {"graph": inner.graph.to_dense().clone(), "drawn": inner.drawn.clone(), "ids": inner.ids.weight.clone()}
    generator = torch.Generator().manual_seed(0)
    tables = {m: torch.randn(x.shape, generator=generator) for m, x in model.item_features().items()}
    state = torch.get_rng_state()
    model.recommender.put(tables)
    assert torch.equal(torch.get_rng_state(), state)  # the twin's draws are not the run's
    unit = torch.nn.functional.normalize(tables["t"], dim=1)
    neighbours = (unit @ unit.T).topk(5).indices
    assert torch.equal(inner.graph.to_dense().gather(1, neighbours) != 0, torch.ones_like(neighbours, dtype=torch.bool))
    assert not torch.equal(inner.graph.to_dense(), before["graph"])
    assert torch.equal(inner.drawn, before["drawn"]) and torch.equal(inner.ids.weight, before["ids"])
    assert torch.equal(inner.last, torch.ones(model.n_items, 8)) and torch.equal(inner.image.weight, tables["v"])
    model.recommender.put(model.recommender.frozen)
    assert torch.equal(inner.graph.to_dense(), before["graph"])


def test_a_base_that_learns_without_negatives_gets_pairs(keys):
    config = load_config("PTMRec", "toy", overrides={**keys, "use_neg_sampling": False})
    _, loader, model = build(config)
    batches = list(make_batches(loader, "item_pool", config["pool_size"], config["kt_users"]).epoch(1, "stage2"))
    assert all(len(batch.interactions) == 2 for batch in batches)
    assert sum(batch.interactions.shape[1] for batch in batches) == len(loader.users)
    stage2 = model.phases(loader)[1]
    assert torch.isfinite(sum(stage2.loss(batches[0]).values()))


def test_an_interrupted_run_ends_bit_equal(keys, tmp_path, monkeypatch):
    keys |= {"checkpoint_interval": 0, "resume": True, "kt_weight": 1.0}
    names = ("whole", "broken")
    places = ({f"{kind}_path": str(tmp_path / name / f"{kind}s") for kind in ("run", "cache")} for name in names)
    whole, broken = ({**keys, **place} for place in places)  # both begin with an empty cache
    quick_start("PTMRec", "toy", whole)
    with monkeypatch.context() as patch, pytest.raises(Interrupted):
        interrupt_after(patch, 5)
        quick_start("PTMRec", "toy", broken)
    quick_start("PTMRec", "toy", broken)
    assert outcome(tmp_path / "whole") and not differences(outcome(tmp_path / "whole"), outcome(tmp_path / "broken"))


def test_batches_of_users_have_no_pools(keys):
    with pytest.raises(ConfigError, match="use_full_sampling"):
        build(load_config("PTMRec", "toy", overrides=keys).replaced(use_full_sampling=True))


@needs_mmrec
@pytest.mark.parametrize("base", ["BM3", "MGCN", "mmrec:VBPR", "mmrec:FREEDOM", "mmrec:LATTICE"])
def test_a_checkouts_models_are_tuned_through(base, keys):
    load_checkout(Path(HOME))
    first_of_the_grid_learns = base in ("BM3", "MGCN")
    changes = {} if first_of_the_grid_learns else {"reg_weight": 0.001}
    result = quick_start("PTMRec", "toy", {**keys, "embedding_size": 64, **changes, "base": base, "kt_weight": 0.5})
    lines = [line for line in result.record.epochs() if line["phase"] == "stage2" and line["epoch"]]
    assert lines and all(line["gradient_norm_t"] > 0 for line in lines)


@needs_mmrec
def test_a_model_that_keeps_no_raw_features_cannot_be_a_base(keys):
    load_checkout(Path(HOME))
    with pytest.raises(ConfigError, match="SLMRec keeps the features .* in no parameter"):
        build(load_config("PTMRec", "toy", overrides={**keys, "base": "SLMRec"}))
