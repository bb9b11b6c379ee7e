"""The model files of a real MMRec checkout in this host, and our support modules against the checkout's own."""

from __future__ import annotations

import argparse
import importlib
import random
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from bridged import bridged, scores, steps
from mmrec_checkout import HOME, drop_modules, mmrec_model, needs_mmrec

from mmrec_bridge.checkout import load_checkout
from mmrec_bridge.mmrec_names.common import encoders, init, loss
from mmrec_bridge.mmrec_names.utils import utils
from mmrec_bridge.shims import mmrec_shims
from mmrec_host.cli.commands.list import ListCommand
from mmrec_host.models.base import MODELS
from mmrec_host.testing.toy_data import N_ITEMS, N_USERS, toy_config, toy_features, toy_loader

pytestmark = needs_mmrec
RUN = ["BM3", "MGCN", "SMORE", "LayerGCN", "SELFCFED_LGN", "LGMRec", "MMGCF", "SLMRec", "ItemKNNCBF"]
OURS_TOO = ["BPR", "LightGCN", "VBPR", "FREEDOM", "LATTICE"]


@pytest.fixture(autouse=True)
def known(monkeypatch):
    """The checkout's models, forgotten after the test."""
    monkeypatch.setattr(MODELS, "_objects", dict(MODELS._objects))
    load_checkout(Path(HOME))


@pytest.fixture
def theirs():
    """Imports a module of the checkout by its MMRec name."""
    drop_modules()
    sys.path.insert(0, str(Path(HOME) / "src"))
    with mmrec_shims():
        yield importlib.import_module
    sys.path.remove(str(Path(HOME) / "src"))
    drop_modules()


@pytest.mark.parametrize("name", [*RUN, *(f"mmrec:{name}" for name in OURS_TOO)])
def test_the_file_trains_ranks_and_comes_back_from_a_snapshot(name, tmp_path):
    model = bridged(name, tmp_path)
    losses = steps(model, epochs=2)
    assert np.isfinite(losses).all()
    torch.manual_seed(7)  # LGMRec draws noise when it ranks
    kept, before = model.snapshot(), scores(model)
    assert before.shape == (N_USERS, N_ITEMS) and before[:-1].isfinite().all()
    steps(model)
    model.restore(kept)
    torch.manual_seed(7)
    assert torch.equal(scores(model), before)
    torch.manual_seed(7)
    assert torch.equal(scores(model), before)  # the first ranking has not changed what the second needs


@pytest.mark.parametrize("name", [*OURS_TOO, "BM3", "MGCN", "SMORE", "SELFCFED_LGN", "MMGCF"])
def test_losses_and_scores_are_those_of_the_file_among_mmrecs_own_modules(name, tmp_path):
    ours = bridged(f"mmrec:{name}", tmp_path, train_batch_size=64)
    config = toy_config(f"mmrec:{name}", train_batch_size=64, feat_embed_dim=16)
    loader = toy_loader(config)
    torch.manual_seed(0)
    with mmrec_model(name, config, loader, tmp_path) as theirs:
        assert type(theirs).__mro__[1].__module__ == "common.abstract_recommender"
        theirs.load_state_dict({k.removeprefix("inner."): v.clone() for k, v in ours.state_dict().items()})
        optimizers = {m: torch.optim.Adam(m.parameters(), lr=0.01) for m in (ours, theirs)}
        for epoch in range(2):
            for model in optimizers:
                torch.manual_seed(epoch)
                model.pre_epoch_processing()
                model.train()
            for step, batch in enumerate(loader.epoch(epoch)):
                losses = []
                for model, optimizer in optimizers.items():
                    torch.manual_seed(step)
                    np.random.seed(step)
                    optimizer.zero_grad()
                    losses.append(model.calculate_loss(batch.clone()).sum())
                    losses[-1].backward()
                    optimizer.step()
                torch.testing.assert_close(*losses, rtol=1e-4, atol=1e-5)
        users = [torch.arange(N_USERS), None]
        with torch.no_grad():
            torch.testing.assert_close(
                ours.eval().full_sort_predict(users), theirs.eval().full_sort_predict(users), rtol=1e-3, atol=1e-4
            )


def some(n: int, d: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(n, d, generator=torch.Generator().manual_seed(seed))


def same(ours: torch.Tensor, theirs: torch.Tensor) -> None:
    assert ours.layout == theirs.layout and ours.shape == theirs.shape
    dense = [x.to_dense() if x.is_sparse else x for x in (ours, theirs)]
    torch.testing.assert_close(*dense, equal_nan=True)


@pytest.mark.parametrize("broken", [False, True], ids=["features", "a row of zeros"])
def test_item_graph_functions(theirs, broken):
    reference = theirs("utils.utils")
    x = some(30, 7)
    if broken:
        x[3] = 0
    similar = utils.build_sim(x)
    same(similar, reference.build_sim(x))
    for graph in (similar, similar.abs(), similar - 0.9 * torch.eye(30), torch.zeros(5, 5)):
        k = min(4, len(graph))
        same(utils.build_knn_neighbourhood(graph, k), reference.build_knn_neighbourhood(graph, k))
        same(utils.compute_normalized_laplacian(graph), reference.compute_normalized_laplacian(graph))
        for norm in ("none", "sym", "rw"):
            same(utils.get_dense_laplacian(graph, norm), reference.get_dense_laplacian(graph, norm))
            for sparse in (True, False):
                arguments = (graph, k, sparse, norm)
                made, wanted = (m.build_knn_normalized_graph(*arguments) for m in (utils, reference))
                same(made, wanted)
                assert not sparse or made.is_coalesced() == wanted.is_coalesced()


def test_sparse_laplacian(theirs):
    edges, weights = torch.tensor([[0, 0, 2, 3], [1, 2, 0, 3]]), torch.tensor([1.0, 3.0, 2.0, -1.0])
    for norm in ("none", "sym", "rw"):
        for made, wanted in zip(
            utils.get_sparse_laplacian(edges, weights.clone(), 5, norm),
            theirs("utils.utils").get_sparse_laplacian(edges, weights.clone(), 5, normalization=norm),
        ):
            same(made, wanted)


def test_run_functions(theirs):
    reference = theirs("utils.utils")
    for value, best, step, bigger in (
        (2, 1, 3, True),
        (1, 1, 3, True),
        (1, 1, 2, True),
        (0, 1, 0, False),
        (1, 0, 9, False),
    ):
        arguments = (value, best, step, 3, bigger)
        assert utils.early_stopping(*arguments) == reference.early_stopping(*arguments)
    assert utils.dict2str({"recall@5": 0.12345, "n": 2}) == reference.dict2str({"recall@5": 0.12345, "n": 2})
    drawn = []
    for module in (utils, reference):
        module.init_seed(5)
        drawn.append((*torch.rand(3).tolist(), np.random.rand(), random.random()))
    assert drawn[0] == drawn[1]


def test_losses(theirs):
    reference = theirs("common.loss")
    a, b, c = some(9, 4), some(9, 4, 1), some(5, 4, 2)
    same(loss.BPRLoss()(a[:, 0], b[:, 0]), reference.BPRLoss()(a[:, 0], b[:, 0]))
    same(loss.BPRLoss(gamma=0.1)(a, b), reference.BPRLoss(gamma=0.1)(a, b))
    same(loss.EmbLoss()(a, b, c), reference.EmbLoss()(a, b, c))
    same(loss.EmbLoss(norm=1)(a, c), reference.EmbLoss(norm=1)(a, c))
    same(loss.L2Loss()(a, b, c), reference.L2Loss()(a, b, c))


def test_initialisation(theirs):
    reference = theirs("common.init")
    for name in ("xavier_normal_initialization", "xavier_uniform_initialization"):
        states = []
        for module in (init, reference):
            torch.manual_seed(3)
            net = torch.nn.Sequential(torch.nn.Embedding(5, 4), torch.nn.Linear(4, 3), torch.nn.BatchNorm1d(3))
            net.append(torch.nn.Linear(3, 3, bias=False))
            states.append(net.apply(getattr(module, name)).state_dict())
        assert all(torch.equal(states[0][key], states[1][key]) for key in states[1])


def test_encoder(theirs):
    config = toy_config("SELFCFED_LGN", end2end=True)
    loader = toy_loader(config, toy_features())
    made = []
    for module in (encoders, theirs("common.encoders")):
        torch.manual_seed(1)
        np.random.seed(1)
        encoder = module.LightGCN_Encoder(config, loader)
        batch = torch.tensor([[0, 3, 3], [5, 1, 47]])
        made.append((*encoder(batch), *encoder(batch), *encoder.get_embedding(), encoder.sparse_norm_adj))
    for ours, wanted in zip(*made):
        same(ours, wanted)


def test_list_names_what_each_file_lacks(capsys, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)  # what was tried is kept in ./cache
    monkeypatch.delitem(sys.modules, "torch_geometric", raising=False)
    real = importlib.util.find_spec
    monkeypatch.setattr("importlib.util.find_spec", lambda n, *a: None if n == "torch_geometric" else real(n, *a))
    parser = argparse.ArgumentParser()
    ListCommand().configure(parser)
    assert ListCommand().run(parser.parse_args(["models", "--mmrec-home", HOME])) == 0
    said = dict(line.split(None, 1) for line in capsys.readouterr().out.splitlines())
    assert "pip install torch_geometric" in said["mmrec:GRCN"] and "item_graph_dict_2.npy" in said["mmrec:DAMRS"]
    assert said["mmrec:BM3"] == "runs" and said["BM3"] == said["mmrec:BM3"] and said["VBPR"] != said["mmrec:VBPR"]
    assert "models.bm3" not in sys.modules
