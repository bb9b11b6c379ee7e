"""What every recommender must do: suites for a test class to inherit, naming the model."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.func import functional_call
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from ..data.features import Features
from ..data.loader import TrainLoader
from ..errors import ConfigError
from ..evaluation.score_vectors import own_vectors
from ..graphs import item_graph
from ..models.base import MODELS
from ..models.contract import HasFreeItems, Model, PreparesEvaluation, RebuildsFromFeatures
from .toy_data import N_ITEMS, N_USERS, toy_config, toy_features, toy_loader, toy_pairs


class LargestTensor(TorchDispatchMode):
    """Remembers the largest number of elements of any tensor that is made inside."""

    numel = 0

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        """Look at what each operation returns."""
        result = func(*args, **(kwargs or {}))
        for tensor in tree_leaves(result):
            if isinstance(tensor, Tensor):
                self.numel = max(self.numel, tensor.numel())
        return result


class LossOf(nn.Module):
    """`calculate_loss` as a forward, which is what `functional_call` calls."""

    def __init__(self, model: Model) -> None:
        super().__init__()
        self.model = model

    def forward(self, batch: Tensor) -> Tensor:
        """Loss of a batch, its parts summed."""
        return total(self.model.calculate_loss(batch))


def total(loss: Tensor | tuple[Tensor, ...]) -> Tensor:
    """A loss in one piece: its parts summed."""
    return torch.stack([part.reshape(()) for part in loss]).sum() if isinstance(loss, tuple) else loss


def require(model: Model, hook: type) -> None:
    """Skip the test if the model does not have an optional hook."""
    if not isinstance(model, hook):
        pytest.skip(f"the model is none that {hook.__name__} describes")


class ModelConformance:
    """What any model must do, on 60 users and 48 items in four planted clusters.

    What a model without an optional hook of `models.contract` cannot be asked is skipped.

    Attributes:
        name: under which the model is registered.
        changes: keys that differ from its YAML file (or its `defaults`), to make it small or to choose an option.
    """

    name: str
    changes: dict[str, Any] = {}

    def build(self, features: Features | None = None, **changes: Any) -> tuple[Any, TrainLoader]:
        """The model, from the random state 0, and its training loader.

        Args:
            features: of the items; default: the toy ones, image and text.
            changes: further keys.
        """
        torch.manual_seed(0)
        config = toy_config(self.name, **{**self.changes, **changes})
        loader = toy_loader(config, features)
        return MODELS.get(self.name)(config, loader), loader

    def train(self, model: Model, loader: TrainLoader, epochs: int) -> list[float]:
        """Train with Adam, and leave the model in evaluation mode; the mean loss of each epoch.

        Nothing happens to a model whose YAML file says `req_training: false`.
        """
        if loader.config["req_training"] is False:
            model.eval()
            return []
        optimizer = torch.optim.Adam(model.parameters(), lr=0.02)
        means = []
        for epoch in range(epochs):
            model.pre_epoch_processing()
            model.train()
            losses = []
            for batch in loader.epoch(epoch):
                optimizer.zero_grad()
                loss = total(model.calculate_loss(batch))
                loss.backward()
                optimizer.step()
                losses.append(loss.item())
            model.post_epoch_processing()
            means.append(sum(losses) / len(losses))
        model.eval()
        return means

    def scores(self, model: Model) -> Tensor:
        """Scores [N_USERS, N_ITEMS]."""
        with torch.no_grad():
            return model.full_sort_predict([torch.arange(N_USERS)])

    def test_one_batch_gives_a_finite_scalar_loss_and_reaches_every_parameter(self) -> None:
        """A parameter that no gradient reaches would never learn."""
        model, loader = self.build()
        if loader.config["req_training"] is False:
            pytest.skip("nothing of the model is trained")
        model.pre_epoch_processing()
        loss = total(model.train().calculate_loss(next(iter(loader.epoch(0)))))
        assert loss.ndim == 0 and loss.isfinite()
        loss.backward()
        for name, parameter in model.named_parameters():
            if parameter.requires_grad:
                assert parameter.grad is not None and parameter.grad.isfinite().all(), name

    def test_learns_the_planted_clusters(self) -> None:
        """The loss falls, if there is one, and held-out items of a user's cluster rank far above chance."""
        model, loader = self.build()
        losses = self.train(model, loader, epochs=25)
        assert not losses or losses[-1] < 0.7 * losses[0]
        users, items, held_out = toy_pairs()
        scores = self.scores(model)
        scores[users, items] = -torch.inf
        active = slice(0, N_USERS - 1)
        hits = torch.from_numpy(held_out)[active].gather(1, scores[active].topk(5).indices).float().mean().item()
        chance = held_out[active].mean() * N_ITEMS / (N_ITEMS - len(users) / N_USERS)
        assert hits > 2.5 * chance

    def test_one_preparation_scores_every_batch_as_full_sort_predict_does(self) -> None:
        """So do the vectors, where the model has any."""
        model, loader = self.build()
        require(model, PreparesEvaluation)
        self.train(model, loader, epochs=1)
        expected = self.scores(model)
        with torch.no_grad():
            model.prepare_evaluation()
            out = torch.empty(20, N_ITEMS)
            for start in range(0, N_USERS, 20):
                users = torch.arange(start, start + 20)
                torch.testing.assert_close(model.score_users(users, out=out), expected[users])
            if (vectors := own_vectors(model)) is not None:
                torch.testing.assert_close(vectors[0] @ vectors[1].T, expected)

    def test_nodes_without_training_rows_have_finite_scores_after_training(self) -> None:
        """The last user and the last item have none."""
        model, loader = self.build()
        self.train(model, loader, epochs=2)
        assert self.scores(model).isfinite().all()

    def test_the_same_seed_gives_the_same_training(self) -> None:
        """Bit for bit, on one machine and thread count."""
        runs = []
        for _ in range(2):
            model, loader = self.build()
            self.train(model, loader, epochs=2)
            runs.append(self.scores(model))
        assert torch.equal(*runs)

    def test_item_id_tables_are_parameters_with_a_row_for_each_item(self) -> None:
        """A cold item is scored with its rows at zero."""
        model, _ = self.build()
        require(model, HasFreeItems)
        parameters = {id(p) for p in model.parameters()}
        for table in model.item_id_tables():
            assert id(table) in parameters and len(table) == N_ITEMS

    def test_makes_no_matrix_of_all_item_pairs(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Such a matrix would not fit into memory for a real catalogue."""
        monkeypatch.setattr(item_graph, "CACHE_ELEMENTS", 64)
        with LargestTensor() as largest:
            widths: dict[str, Any] = {"embedding_size": 4, "feat_embed_dim": 4, "weight_size": [4, 4]}
            model, loader = self.build(train_batch_size=64, knn_k=2, **widths)
            self.train(model, loader, epochs=1)
            own_vectors(model)
            model.full_sort_predict([torch.arange(8)])
        assert 0 < largest.numel < N_ITEMS**2


class FeatureModelConformance(ModelConformance):
    """What a model must do that reads item features, besides what any must.

    PTMRec can tune the encoder through such a model: the tests put live features into the places where it keeps them.
    A place is `v_feat` or `t_feat`, or an `nn.Embedding` in `feature_tables`, by modality.
    """

    def live_loss(self, model: Model, live: dict[str, Tensor], batch: Tensor) -> Tensor:
        """The loss with differentiable tables in the places where the model keeps its features."""
        slots = {}
        for modality, table in live.items():
            setattr(model, f"{modality}_feat", table)
            if hasattr(model, "feature_tables"):
                slots[f"model.feature_tables.{modality}.weight"] = table
        return functional_call(LossOf(model), slots, (batch,))

    @pytest.mark.parametrize("modality", ["v", "t"])
    def test_works_with_one_modality(self, modality: str) -> None:
        """The other one is None."""
        model, loader = self.build(toy_features(modalities=modality))
        losses = self.train(model, loader, epochs=10)
        assert losses[-1] < losses[0]
        assert self.scores(model).isfinite().all()

    def test_says_which_key_gives_the_features_that_are_missing(self) -> None:
        """`models.modalities.require_features` says it for you."""
        with pytest.raises(ConfigError, match=f"{self.name} needs item features.*`features`.*is_multimodal_model"):
            self.build(Features())

    @pytest.mark.parametrize("modalities", ["vt", "v", "t"])
    def test_a_loss_on_live_features_has_their_gradient(self, modalities: str) -> None:
        """It is the loss on frozen ones, and its gradient reaches the rows of all items in the batch."""
        features = toy_features(modalities=modalities)
        model, loader = self.build(features, trainable_features=False)
        model.pre_epoch_processing()
        batch = next(iter(loader.epoch(0)))
        frozen = total(model.calculate_loss(batch))
        live = {m: table.clone().requires_grad_() for m, table in features.tables().items()}
        model, _ = self.build(features, trainable_features=False)
        model.pre_epoch_processing()
        loss = self.live_loss(model, live, batch)
        torch.testing.assert_close(loss, frozen.detach())
        loss.backward()
        assert any(p.grad is not None and p.grad.abs().sum() > 0 for p in model.parameters())
        for table in live.values():
            assert table.grad is not None
            rows = table.grad.abs().sum(1)
            assert rows.isfinite().all() and (rows[batch[1:].unique()] > 0).all()

    def test_training_leaves_the_loader_s_features_alone(self) -> None:
        """Other models of the same run read them too."""
        features, untouched = toy_features(), toy_features()
        model, loader = self.build(features)
        self.train(model, loader, epochs=2)
        for modality, table in features.tables().items():
            assert torch.equal(table, untouched.tables()[modality])


class ModalityScores:
    """What `modality_scores` must do; inherit it beside `FeatureModelConformance`."""

    @pytest.mark.parametrize("modality", ["v", "t"])
    def test_modality_scores_are_differentiable_in_the_rows_and_in_the_model(self: Any, modality: str) -> None:
        """Knowledge transfer back-propagates through them, to the encoder and to the users."""
        model, loader = self.build()
        self.train(model, loader, epochs=1)
        users = torch.tensor([3, 0, 3])
        rows = loader.features.tables()[modality][:7].clone().requires_grad_()
        scores = model.modality_scores(users, rows, modality)
        assert scores.shape == (3, 7)
        torch.testing.assert_close(scores[0], scores[2])
        (scores**2).sum().backward()
        assert rows.grad is not None and (rows.grad.abs().sum(1) > 0).all()
        assert (model.user_embedding.weight.grad[[0, 3]].abs().sum(1) > 0).all()


class ItemGraphConformance:
    """What `rebuild_from_features` must do, of a model whose item graph comes from its `feature_tables`."""

    @pytest.mark.parametrize("modality", ["v", "t"])
    def test_a_rebuilt_item_graph_is_that_of_the_new_features(self: Any, modality: str) -> None:
        """The scores are those of a model that was built on them."""
        features = toy_features().tables()
        model, _ = self.build(Features(features["v"], features["t"]), trainable_features=False)
        require(model, RebuildsFromFeatures)
        before = self.scores(model)
        changed = {**features, modality: features[modality].flip(0)}
        with torch.no_grad():
            model.feature_tables[modality].weight.copy_(changed[modality].clone())
        model.rebuild_from_features()
        fresh, _ = self.build(Features(changed["v"], changed["t"]), trainable_features=False)
        after = self.scores(model)
        assert not torch.allclose(after, before, atol=1e-3)
        torch.testing.assert_close(after, self.scores(fresh))
