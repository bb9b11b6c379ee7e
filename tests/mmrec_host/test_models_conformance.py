from __future__ import annotations

import numpy as np
import pytest
import scipy.sparse as sp
import torch

from mmrec_host.errors import ConfigError
from mmrec_host.models.bpr import BPR  # noqa: F401  (registers)
from mmrec_host.models.content import Content  # noqa: F401
from mmrec_host.models.freedom import FREEDOM  # noqa: F401
from mmrec_host.models.item_knn import item_similarities
from mmrec_host.models.lattice import LATTICE  # noqa: F401
from mmrec_host.models.lightgcn import LightGCN  # noqa: F401
from mmrec_host.models.pop import Pop  # noqa: F401
from mmrec_host.models.random_ranking import Random  # noqa: F401
from mmrec_host.models.vbpr import VBPR  # noqa: F401
from mmrec_host.testing import FeatureModelConformance, ItemGraphConformance, ModalityScores, ModelConformance
from mmrec_host.testing.toy_data import N_ITEMS, N_USERS, toy_pairs


class TestBPR(ModelConformance):
    name = "BPR"


class TestLightGCN(ModelConformance):
    name = "LightGCN"


class TestPop(ModelConformance):
    name = "Pop"
    test_learns_the_planted_clusters = None  # it is the same for everybody

    def test_scores_are_numbers_of_users_in_training(self):
        model, _ = self.build()
        users, items, _ = toy_pairs()  # some pairs occur twice
        counts = torch.tensor([len(set(users[items == item])) for item in range(N_ITEMS)], dtype=torch.float32)
        assert (self.scores(model) == counts).all() and counts[-1] == 0


class TestRandom(ModelConformance):
    name = "Random"
    test_learns_the_planted_clusters = None  # it learns nothing

    def test_its_recall_is_what_chance_gives(self):
        model, _ = self.build()
        scores = self.scores(model)
        assert scores.min() >= 0 and scores.max() < 1 and scores.mean() == pytest.approx(0.5, abs=0.02)
        hits = (scores.topk(12).indices < 8).float().sum(1) / 8  # recall@12 of eight positives
        assert hits.mean() == pytest.approx(12 / N_ITEMS, abs=0.06)

    def test_users_and_seeds_have_orders_of_their_own(self):
        scores = self.scores(self.build()[0])
        assert len({tuple(row) for row in scores.argsort(1).tolist()}) == N_USERS
        assert torch.equal(scores, self.scores(self.build()[0]))
        assert not torch.equal(scores, self.scores(self.build(seed=2)[0]))


class TestItemKNN(ModelConformance):
    name = "ItemKNN"

    def test_similarities_are_shrunk_cosines_of_the_nearest(self):
        taken = sp.csr_matrix(np.array([[1, 1, 0, 0], [1, 1, 1, 0], [0, 1, 1, 0], [0, 1, 0, 0]], np.float32))
        cosine = item_similarities(taken, 3, 0.0).toarray()
        expected = np.zeros((4, 4))
        expected[0, 1] = expected[1, 0] = 2 / np.sqrt(2 * 4)
        expected[1, 2] = expected[2, 1] = 2 / np.sqrt(4 * 2)
        expected[0, 2] = expected[2, 0] = 1 / np.sqrt(2 * 2)
        np.testing.assert_allclose(cosine, expected, rtol=1e-6)
        assert item_similarities(taken, 3, 10.0)[0, 1] == pytest.approx(2 / (np.sqrt(8) + 10))
        nearest = item_similarities(taken, 1, 0.0).toarray()
        assert (nearest > 0).tolist() == [[0, 1, 0, 0], [1, 0, 0, 0], [0, 1, 0, 0], [0, 0, 0, 0]]

    def test_scores_sum_the_similarities_to_what_the_user_took(self):
        model, _ = self.build(n_neighbours=5)
        users, items, _ = toy_pairs()
        similarities = torch.from_numpy(model.similarities.toarray())
        expected = torch.stack([similarities[sorted(set(items[users == user]))].sum(0) for user in range(N_USERS)])
        torch.testing.assert_close(self.scores(model), expected)


class TestVBPR(FeatureModelConformance, ModalityScores):
    name = "VBPR"

    def test_scores_are_ids_plus_modalities_plus_bias(self):
        model, loader = self.build()
        self.train(model, loader, epochs=2)
        users = torch.arange(N_USERS)
        ids, content = model.user_embedding.weight.split(model.embedding_size, dim=1)
        parts = ids @ model.item_embedding.weight.T + (content @ model.item_linear.bias)[:, None]
        parts += model.modality_scores(users, loader.features.v, "v")
        parts += model.modality_scores(users, loader.features.t, "t")
        torch.testing.assert_close(parts, self.scores(model))


class TestContent(FeatureModelConformance, ModalityScores):
    name = "Content"

    def test_scores_are_the_sum_of_the_modalities_and_need_no_ids(self):
        model, loader = self.build()
        self.train(model, loader, epochs=2)
        users = torch.arange(N_USERS)
        parts = [model.modality_scores(users, getattr(loader.features, m), m) for m in "vt"]
        torch.testing.assert_close(sum(parts), self.scores(model))
        assert model.item_id_tables() == []

    def test_each_modality_has_its_own_penalty(self):
        sizes = {}
        for modality in "vt":
            model, loader = self.build(**{"reg_weight_v": 0.0, "reg_weight_t": 0.0, f"reg_weight_{modality}": 50.0})
            self.train(model, loader, epochs=20)
            sizes[modality] = {m: x.norm().item() for m, x in model.project().items()}
        assert sizes["v"]["v"] < 0.3 * sizes["t"]["v"]
        assert sizes["t"]["t"] < 0.3 * sizes["v"]["t"]


class TestFREEDOM(FeatureModelConformance, ModalityScores, ItemGraphConformance):
    name = "FREEDOM"

    def test_an_epoch_keeps_a_share_of_the_edges_with_degrees_counted_anew(self):
        model, _ = self.build(dropout=0.8)
        model.pre_epoch_processing()
        matrix = model.pruned_graph.matrix
        n_kept = int(len(set(zip(*toy_pairs()[:2]))) * (1 - 0.8))
        assert len(matrix.neighbours) == 2 * n_kept
        degrees = matrix.offsets.diff()
        rows = torch.arange(len(degrees)).repeat_interleave(degrees)
        torch.testing.assert_close(matrix.weights, (degrees[rows] * degrees[matrix.neighbours]).float().rsqrt())
        assert len(model.graph.matrix.neighbours) > len(matrix.neighbours)

    def test_edges_are_kept_in_proportion_to_their_weights(self):
        model, _ = self.build(dropout=0.98)
        kept = torch.zeros(len(model.edge_weights))
        n_draws = 2000
        for _ in range(n_draws):
            model.pre_epoch_processing()
            matrix = model.pruned_graph.matrix
            users = torch.arange(N_USERS).repeat_interleave(matrix.offsets[: N_USERS + 1].diff())
            items = matrix.neighbours[: len(users)] - N_USERS
            pairs = (model.edges[0][:, None] == users) & (model.edges[1][:, None] == items)
            kept += pairs.any(1)
        light = model.edge_weights < model.edge_weights.median()
        expected = model.edge_weights[~light].sum() / model.edge_weights.sum()
        assert kept[~light].sum() / kept.sum() == pytest.approx(expected.item(), abs=0.01)
        assert (kept > 0).all()

    def test_pruning_draws_from_the_global_generator_alone(self):
        model, _ = self.build()
        draws = []
        for _ in range(2):
            torch.manual_seed(5)
            model.pre_epoch_processing()
            draws.append(model.pruned_graph.matrix.neighbours)
        model.pre_epoch_processing()
        assert torch.equal(*draws)
        assert not torch.equal(draws[0], model.pruned_graph.matrix.neighbours)

    def test_without_a_modal_loss_the_features_get_no_gradient(self):
        model, loader = self.build(reg_weight=0.0)
        model.calculate_loss(next(iter(loader.epoch(0)))).backward()
        assert all(table.weight.grad is None for table in model.feature_tables.values())

    def test_evaluation_uses_the_whole_graph(self):
        model, _ = self.build()
        before = self.scores(model)
        model.pre_epoch_processing()
        assert torch.equal(self.scores(model), before)


class TestLATTICE(FeatureModelConformance, ItemGraphConformance):
    name = "LATTICE"
    changes = {"weight_size": [16, 16], "feat_embed_dim": 16}

    def test_the_graph_is_learned_on_the_first_batch_of_an_epoch_only(self):
        model, loader = self.build(train_batch_size=64)
        reached = []
        for epoch in range(2):
            model.pre_epoch_processing()
            for batch in loader.epoch(epoch):
                model.zero_grad()
                model.calculate_loss(batch).backward()
                reached.append(model.projections["v"].weight.grad is not None)
        half = len(reached) // 2
        assert reached == [True, *[False] * (half - 1)] * 2

    def test_later_batches_see_the_graph_of_the_first(self):
        model, loader = self.build()
        batch = next(iter(loader.epoch(0)))
        first = model.calculate_loss(batch)
        with torch.no_grad():
            model.projections["v"].weight.mul_(-3)
            later = model.calculate_loss(batch)
            model.pre_epoch_processing()
            anew = model.calculate_loss(batch)
        torch.testing.assert_close(first, later)
        assert abs(anew - later) > 1e-6

    def test_evaluation_builds_the_graph_of_the_current_weights_and_keeps_the_epoch_s(self):
        model, loader = self.build()
        model.calculate_loss(next(iter(loader.epoch(0))))
        kept, before = model.item_graph, self.scores(model)
        with torch.no_grad():
            model.modal_weight.copy_(torch.tensor([3.0, -3.0]))
        assert not torch.allclose(self.scores(model), before)
        assert model.item_graph is kept

    def test_an_unknown_cf_model_is_an_error_that_lists_the_known_ones(self):
        with pytest.raises(ConfigError, match="cf_model='gcn'.*lightgcn, ngcf or mf"):
            self.build(cf_model="gcn")


class TestLATTICEWithNGCF(ModelConformance):
    name = "LATTICE"
    changes = {"weight_size": [16, 16], "feat_embed_dim": 16, "cf_model": "ngcf"}

    @pytest.mark.parametrize("changes", [{"weight_size": [16, 8]}, {"mess_dropout": [0.1]}], ids=str)
    def test_layers_that_cannot_be_averaged_are_an_error(self, changes):
        with pytest.raises(ConfigError, match="weight_size=.*must repeat embedding_size=16.*mess_dropout"):
            self.build(**changes)


class TestLATTICEWithMF(ModelConformance):
    name = "LATTICE"
    changes = {"cf_model": "mf", "feat_embed_dim": 16}
