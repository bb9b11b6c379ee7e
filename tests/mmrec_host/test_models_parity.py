"""Our models against MMRec's: same initial weights and batches, same losses, gradients and scores."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from mmrec_checkout import mmrec_model, needs_mmrec
from torch import Tensor, nn

from mmrec_host.models.base import MODELS
from mmrec_host.models.bpr import BPR  # noqa: F401  (registers)
from mmrec_host.models.freedom import FREEDOM  # noqa: F401
from mmrec_host.models.lattice import LATTICE  # noqa: F401
from mmrec_host.models.lightgcn import LightGCN  # noqa: F401
from mmrec_host.models.vbpr import VBPR  # noqa: F401
from mmrec_host.testing.toy_data import N_USERS, toy_config, toy_features, toy_loader

EPOCHS, LEARNING_RATE = 5, 0.01
# our parameter names, piece by piece, from MMRec's
PIECES = {
    "item_id_embedding": "item_embedding",
    "u_embedding": "user_embedding.weight",
    "i_embedding": "item_embedding.weight",
    "embedding_dict.user_emb": "user_embedding.weight",
    "embedding_dict.item_emb": "item_embedding.weight",
    "image_embedding": "feature_tables.v",
    "text_embedding": "feature_tables.t",
    "image_trs": "projections.v",
    "text_trs": "projections.t",
    "GC_Linear_list": "collaborative.sums",
    "Bi_Linear_list": "collaborative.products",
}
CASES: list[tuple[str, dict[str, Any], str]] = [
    ("BPR", {}, ""),
    ("BPR", {"reg_weight": 0.5, "embedding_size": 7}, ""),
    ("LightGCN", {}, ""),
    ("LightGCN", {"n_layers": 1, "reg_weight": 0.0}, ""),
    ("LightGCN", {"n_layers": 4, "reg_weight": 0.1}, ""),
    ("VBPR", {}, "vt"),
    ("VBPR", {"reg_weight": 0.5, "embedding_size": 7}, "vt"),
    ("VBPR", {}, "v"),
    ("VBPR", {}, "t"),
    ("FREEDOM", {}, "vt"),
    ("FREEDOM", {"reg_weight": 0.0, "dropout": 0.0}, "vt"),
    ("FREEDOM", {"reg_weight": 0.3, "dropout": 0.5, "n_mm_layers": 2, "n_ui_layers": 3, "knn_k": 3}, "vt"),
    ("FREEDOM", {"mm_image_weight": 0.7}, "vt"),
    ("FREEDOM", {"reg_weight": 0.1}, "v"),
    ("FREEDOM", {"reg_weight": 0.1}, "t"),
    ("LATTICE", {}, "vt"),
    ("LATTICE", {"reg_weight": 0.1, "n_layers": 2, "knn_k": 3, "lambda_coeff": 0.3, "weight_size": [16]}, "vt"),
    ("LATTICE", {"feat_embed_dim": 9, "weight_size": [16, 16, 16]}, "vt"),
    ("LATTICE", {"cf_model": "mf", "lambda_coeff": 0.5}, "vt"),
    ("LATTICE", {"cf_model": "ngcf", "weight_size": [16, 16], "mess_dropout": [0.1, 0.5]}, "vt"),
    ("LATTICE", {"lambda_coeff": 0.5}, "v"),
    ("LATTICE", {"lambda_coeff": 0.5}, "t"),
]


def our_name(name: str) -> str:
    for theirs, ours in PIECES.items():
        if name.startswith(theirs):
            return ours + name[len(theirs) :]
    return name


def copy_weights(source: nn.Module, target: nn.Module) -> None:
    target.load_state_dict({our_name(name): value.clone() for name, value in source.state_dict().items()})


def assert_close(ours: Tensor, theirs: Tensor, tolerance: float, what: str) -> None:
    difference = (ours - theirs).abs().max().item()
    assert difference <= tolerance, f"{what}: differs by {difference:.2e} of {theirs.abs().max().item():.2e}"


def assert_same_gradients(ours: nn.Module, theirs: nn.Module, step: int) -> None:
    """A parameter without a gradient counts as one whose gradient is zero."""
    parameters = dict(ours.named_parameters())
    for name, reference in theirs.named_parameters():
        grads = [torch.zeros_like(p) if p.grad is None else p.grad for p in (parameters[our_name(name)], reference)]
        tolerance = min(1e-5, 5e-5 * max(0.01, grads[1].abs().max().item()))
        assert_close(*grads, tolerance, f"gradient of {name} in step {step}")


@needs_mmrec
@pytest.mark.parametrize(("name", "changes", "modalities"), CASES, ids=[f"{n}-{m}-{list(c)}" for n, c, m in CASES])
def test_trains_and_scores_as_in_mmrec(name, changes, modalities, tmp_path):
    config = toy_config(name, **{"train_batch_size": 64, **changes})
    loader = toy_loader(config, toy_features(modalities=modalities))
    with mmrec_model(name, config, loader, tmp_path) as theirs:
        ours = MODELS.get(name)(config, loader)
        copy_weights(theirs, ours)
        optimizers = {m: torch.optim.Adam(m.parameters(), lr=LEARNING_RATE) for m in (ours, theirs)}
        steps = 0
        for epoch in range(EPOCHS):
            for model in (ours, theirs):
                torch.manual_seed(epoch)  # the same pruning and dropout
                model.pre_epoch_processing()
                model.train()
            for batch in loader.epoch(epoch):
                losses = {}
                for model, optimizer in optimizers.items():
                    torch.manual_seed(steps)
                    optimizer.zero_grad()
                    losses[model] = model.calculate_loss(batch.clone()).sum()
                    losses[model].backward()
                assert_close(losses[ours], losses[theirs], 1e-5, f"loss of step {steps}")
                assert_same_gradients(ours, theirs, steps)
                for optimizer in optimizers.values():
                    optimizer.step()
                steps += 1
        assert steps >= 20
        users = torch.arange(N_USERS)
        with torch.no_grad():
            scores = [model.eval().full_sort_predict([users, None]) for model in (ours, theirs)]
        assert_close(*scores, 1e-4, "scores")
