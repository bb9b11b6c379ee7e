"""What every recommender must do: suites for a test class to inherit, naming the model."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.func import functional_call
from torch.utils._python_dispatch import TorchDispatchMode
from toy_data import N_ITEMS, N_USERS, toy_config, toy_features, toy_loader, toy_pairs

from mmrec_host.data.features import Features
from mmrec_host.errors import ConfigError
from mmrec_host.graphs import item_graph
from mmrec_host.models.base import MODELS, Recommender


class LargestTensor(TorchDispatchMode):
    """Remembers the largest number of elements of any tensor that is made inside."""

    numel = 0

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        result = func(*args, **(kwargs or {}))
        for tensor in torch.utils._pytree.tree_leaves(result):
            if isinstance(tensor, Tensor):
                self.numel = max(self.numel, tensor.numel())
        return result


class LossOf(nn.Module):
    """`calculate_loss` as a forward, which is what `functional_call` calls."""

    def __init__(self, model: Recommender) -> None:
        super().__init__()
        self.model = model

    def forward(self, batch: Tensor) -> Tensor:
        return self.model.calculate_loss(batch)


class ModelConformance:
    """Any model."""

    name: str
    changes: dict[str, Any] = {}

    def build(self, features: Features | None = None, **changes: Any) -> tuple[Recommender, Any]:
        torch.manual_seed(0)
        config = toy_config(self.name, **{**self.changes, **changes})
        loader = toy_loader(config, features)
        return MODELS.get(self.name)(config, loader), loader

    def train(self, model: Recommender, loader: Any, epochs: int) -> list[float]:
        """Mean loss of each epoch."""
        optimizer = torch.optim.Adam(model.parameters(), lr=0.02)
        means = []
        for epoch in range(epochs):
            model.pre_epoch_processing()
            model.train()
            losses = []
            for batch in loader.epoch(epoch):
                optimizer.zero_grad()
                loss = model.calculate_loss(batch)
                loss.backward()
                optimizer.step()
                losses.append(loss.item())
            means.append(sum(losses) / len(losses))
        model.eval()
        return means

    def scores(self, model: Recommender) -> Tensor:
        with torch.no_grad():
            return model.full_sort_predict([torch.arange(N_USERS)])

    def test_one_batch_gives_a_finite_scalar_loss_and_reaches_every_parameter(self):
        model, loader = self.build()
        model.pre_epoch_processing()
        loss = model.train().calculate_loss(next(iter(loader.epoch(0))))
        assert loss.ndim == 0 and loss.isfinite()
        loss.backward()
        for name, parameter in model.named_parameters():
            if parameter.requires_grad:
                assert parameter.grad is not None and parameter.grad.isfinite().all(), name

    def test_learns_the_planted_clusters(self):
        model, loader = self.build()
        losses = self.train(model, loader, epochs=25)
        assert losses[-1] < 0.7 * losses[0]
        users, items, held_out = toy_pairs()
        scores = self.scores(model)
        scores[users, items] = -torch.inf
        active = slice(0, N_USERS - 1)
        hits = torch.from_numpy(held_out)[active].gather(1, scores[active].topk(5).indices).float().mean().item()
        chance = held_out[active].mean() * N_ITEMS / (N_ITEMS - len(users) / N_USERS)
        assert hits > 2.5 * chance

    def test_one_preparation_scores_every_batch_as_full_sort_predict_does(self):
        model, loader = self.build()
        self.train(model, loader, epochs=1)
        expected = self.scores(model)
        with torch.no_grad():
            model.prepare_evaluation()
            out = torch.empty(20, N_ITEMS)
            for start in range(0, N_USERS, 20):
                users = torch.arange(start, start + 20)
                torch.testing.assert_close(model.score_users(users, out=out), expected[users])
            user_vectors, item_vectors = model.representations()
        torch.testing.assert_close(user_vectors @ item_vectors.T, expected)

    def test_nodes_without_training_rows_have_finite_scores_after_training(self):
        model, loader = self.build()
        self.train(model, loader, epochs=2)
        assert self.scores(model).isfinite().all()

    def test_the_same_seed_gives_the_same_training(self):
        runs = []
        for _ in range(2):
            model, loader = self.build()
            self.train(model, loader, epochs=2)
            runs.append(self.scores(model))
        assert torch.equal(*runs)

    def test_item_id_tables_are_parameters_with_a_row_for_each_item(self):
        model, _ = self.build()
        parameters = {id(p) for p in model.parameters()}
        for table in model.item_id_tables():
            assert id(table) in parameters and len(table) == N_ITEMS

    def test_makes_no_matrix_of_all_item_pairs(self, monkeypatch):
        monkeypatch.setattr(item_graph, "CACHE_ELEMENTS", 64)
        with LargestTensor() as largest:
            sizes = {"embedding_size": 4, "feat_embed_dim": 4, "weight_size": [4, 4], "knn_k": 2}
            model, loader = self.build(train_batch_size=64, **sizes)
            self.train(model, loader, epochs=1)
            model.representations()
        assert 0 < largest.numel < N_ITEMS**2


class FeatureModelConformance(ModelConformance):
    """A model that reads item features."""

    def live_loss(self, model: Recommender, live: dict[str, Tensor], batch: Tensor) -> Tensor:
        """The loss with differentiable tables in the places where the model keeps its features."""
        slots = {}
        for modality, table in live.items():
            setattr(model, f"{modality}_feat", table)
            if hasattr(model, "feature_tables"):
                slots[f"model.feature_tables.{modality}.weight"] = table
        return functional_call(LossOf(model), slots, (batch,))

    @pytest.mark.parametrize("modality", ["v", "t"])
    def test_works_with_one_modality(self, modality):
        model, loader = self.build(toy_features(modalities=modality))
        losses = self.train(model, loader, epochs=10)
        assert losses[-1] < losses[0]
        assert self.scores(model).isfinite().all()

    def test_says_which_key_gives_the_features_that_are_missing(self):
        with pytest.raises(ConfigError, match=f"{self.name} needs item features.*`features`.*is_multimodal_model"):
            self.build(Features())

    @pytest.mark.parametrize("modalities", ["vt", "v", "t"])
    def test_a_loss_on_live_features_has_their_gradient(self, modalities):
        features = toy_features(modalities=modalities)
        model, loader = self.build(features, trainable_features=False)
        model.pre_epoch_processing()
        batch = next(iter(loader.epoch(0)))
        frozen = model.calculate_loss(batch)
        live = {m: getattr(features, m).clone().requires_grad_() for m in modalities}
        model, _ = self.build(features, trainable_features=False)
        model.pre_epoch_processing()
        loss = self.live_loss(model, live, batch)
        torch.testing.assert_close(loss, frozen.detach())
        loss.backward()
        assert model.user_embedding.weight.grad.abs().sum() > 0
        for table in live.values():
            rows = table.grad.abs().sum(1)
            assert rows.isfinite().all() and (rows[batch[1:].unique()] > 0).all()

    def test_training_leaves_the_loader_s_features_alone(self):
        features = toy_features()
        before = features.v.clone(), features.t.clone()
        model, loader = self.build(features)
        self.train(model, loader, epochs=2)
        assert torch.equal(features.v, before[0]) and torch.equal(features.t, before[1])


class ModalityScores:
    """For a model with `modality_scores`."""

    @pytest.mark.parametrize("modality", ["v", "t"])
    def test_modality_scores_are_differentiable_in_the_rows_and_in_the_model(self, modality):
        model, loader = self.build()
        self.train(model, loader, epochs=1)
        users = torch.tensor([3, 0, 3])
        rows = getattr(loader.features, modality)[:7].clone().requires_grad_()
        scores = model.modality_scores(users, rows, modality)
        assert scores.shape == (3, 7)
        torch.testing.assert_close(scores[0], scores[2])
        (scores**2).sum().backward()
        assert (rows.grad.abs().sum(1) > 0).all()
        assert (model.user_embedding.weight.grad[[0, 3]].abs().sum(1) > 0).all()


class ItemGraphConformance:
    """For a model whose item graph comes from the features."""

    @pytest.mark.parametrize("modality", ["v", "t"])
    def test_a_rebuilt_item_graph_is_that_of_the_new_features(self, modality):
        features = toy_features()
        model, _ = self.build(features, trainable_features=False)
        before = self.scores(model)
        changed = {"v": features.v, "t": features.t, modality: getattr(features, modality).flip(0)}
        with torch.no_grad():
            model.feature_tables[modality].weight.copy_(changed[modality].clone())
        model.rebuild_from_features()
        fresh, _ = self.build(Features(**changed), trainable_features=False)
        after = self.scores(model)
        assert not torch.allclose(after, before, atol=1e-3)
        torch.testing.assert_close(after, self.scores(fresh))
