"""Model files as they are written for MMRec, in this host; none of MMRec is needed."""

from __future__ import annotations

import sys
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
import scipy.sparse as sp
import torch
from bridged import bridged, scores, steps

from mmrec_bridge.model_file import ModelFile
from mmrec_bridge.world import ROOTS
from mmrec_host.cli.main import main
from mmrec_host.cli.plugins import load_plugin
from mmrec_host.config import load_config
from mmrec_host.config_layers import find_yaml
from mmrec_host.data.dataset import load_dataset
from mmrec_host.errors import ConfigError, DataError
from mmrec_host.evaluation.evaluator import evaluate
from mmrec_host.evaluation.options import EvaluationOptions
from mmrec_host.models.base import MODELS
from mmrec_host.quick_start import quick_start
from mmrec_host.testing.toy_data import N_ITEMS, N_USERS, toy_features

# Everything that MMRec's files do: old names of numpy, scipy and torch, a graph file beside the data, results of the
# last batch in attributes, a tuple as loss, in-place changes of the batch, a module of the checkout imported late.
ALL = """
import os
import numpy as np
import scipy.sparse as sp
import torch
from torch import nn
from torch_scatter import scatter
from sparsesvd import sparsesvd
from common.abstract_recommender import GeneralRecommender
from models.common.loss import L2Loss
from common.loss import BPRLoss, EmbLoss
from common.init import xavier_normal_initialization, xavier_uniform_initialization
from common.encoders import LightGCN_Encoder
from utils.utils import build_sim, build_knn_neighbourhood, compute_normalized_laplacian, build_knn_normalized_graph


class Everything(GeneralRecommender):
    def __init__(self, config, dataset):
        super(Everything, self).__init__(config, dataset)
        self.weight = config['reg_weight']
        matrix = dataset.inter_matrix(form='coo').astype(np.float32)
        graph = sp.dok_matrix((self.n_users, self.n_items), dtype=np.float)
        graph._update(dict(zip(zip(matrix.row, matrix.col), [1] * matrix.nnz)))
        self.degrees = torch.FloatTensor(graph.sum(axis=0)).cuda()
        path = os.path.join(os.path.abspath(config['data_path'] + config['dataset']), 'graph_%d.pt' % config['knn_k'])
        self.found = sorted(os.listdir(os.path.dirname(path)))
        self.was_there = os.path.exists(path)
        if self.was_there:
            self.item_graph = torch.load(path)
        else:
            self.item_graph = build_knn_normalized_graph(build_sim(self.v_feat), config['knn_k'], True, 'sym')
            torch.save(self.item_graph, path)
        self.users = nn.Embedding(self.n_users, 8)
        self.items = nn.Embedding(self.n_items, 8)
        self.image = nn.Embedding.from_pretrained(self.v_feat, freeze=False)
        self.project = nn.Linear(self.v_feat.shape[1], 8)
        self.apply(xavier_normal_initialization)
        self.result = nn.Parameter(torch.zeros(self.n_users + self.n_items, 8)).to(self.device)
        self.n_batches = 0
        self.build = True

    def pre_epoch_processing(self):
        self.build = True

    def post_epoch_processing(self):
        return 'epoch done'

    def calculate_loss(self, interaction):
        from utils.helper import twice
        if self.build:
            self.learned = torch.sparse.mm(self.item_graph, self.items.weight)
            self.build = False
        else:
            self.learned = self.learned.detach()
        interaction[1] += 0
        self.n_batches += 1
        items = twice(self.items.weight) + self.learned + self.project(self.image.weight)
        self.result = torch.cat((self.users.weight, items))
        u, p, n = self.users(interaction[0]), items[interaction[1]], items[interaction[2]]
        return BPRLoss()((u * p).sum(1), (u * n).sum(1)), self.weight * (EmbLoss()(u, p, n) + L2Loss()(u))

    def full_sort_predict(self, interaction):
        users, items = torch.split(self.result, [self.n_users, self.n_items])
        return users[interaction[0]] @ items.T * self.n_batches
"""
PAIRS = """
import torch
from torch import nn
from common.abstract_recommender import GeneralRecommender


class Pairs(GeneralRecommender):
    def __init__(self, config, dataset):
        super().__init__(config, dataset)
        self.loader, self.seen = dataset, []
        self.users, self.items = nn.Embedding(self.n_users, 4), nn.Embedding(self.n_items, 4)

    def calculate_loss(self, interaction):
        self.seen.append(interaction.clone())
        return self.users.weight.square().mean() + self.items.weight.square().mean()

    def full_sort_predict(self, interaction):
        return self.users(interaction[0]) @ self.items.weight.T
"""


@pytest.fixture
def source(tmp_path: Path) -> Path:
    """A folder laid out as MMRec's src, with the models Everything and Pairs."""
    for name, text in {
        "models/everything.py": ALL,
        "models/pairs.py": PAIRS,
        "utils/helper.py": "def twice(x):\n    return 2 * x\n",
        "configs/model/Everything.yaml": "reg_weight: [0.001, 0.1]\nknn_k: 5\nhyper_parameters: ['reg_weight']\n",
        "configs/model/Pairs.yaml": "is_multimodal_model: False\nuse_neg_sampling: False\n",
    }.items():
        (tmp_path / "src" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "src" / name).write_text(text)
    return tmp_path / "src"


@pytest.fixture(autouse=True)
def known_models(monkeypatch):
    """What a test registers is forgotten after it."""
    monkeypatch.setattr(MODELS, "_objects", dict(MODELS._objects))


def traces() -> tuple:
    names = {
        name: module for name, module in sys.modules.items() if name.partition(".")[0] in (*ROOTS, "torch_scatter")
    }
    return names, hasattr(np, "float"), hasattr(sp.dok_matrix, "_update"), torch.Tensor.cuda, list(sys.meta_path)


def test_a_model_that_uses_everything_learns_and_leaves_no_trace(source, tmp_path, monkeypatch):
    foreign, part = ModuleType("utils"), ModuleType("utils.helper")
    monkeypatch.setitem(sys.modules, "utils", foreign)
    monkeypatch.setitem(sys.modules, "utils.helper", part)
    before = traces()
    load_plugin(source / "models" / "everything.py")
    model = bridged("mmrec:Everything", tmp_path)
    losses = steps(model, epochs=20, learning_rate=0.1)
    assert losses[-1] < 0.7 * losses[0]
    assert scores(model).shape == (N_USERS, N_ITEMS)
    assert traces() == before and sys.modules["utils"] is foreign and sys.modules["utils.helper"] is part


def test_the_world_is_left_after_an_error_too(source, tmp_path):
    load_plugin(source / "models" / "everything.py")
    model = bridged("Everything", tmp_path)
    before = traces()
    with pytest.raises(ConfigError, match=r"calculate_loss fails with IndexError.*everything\.py, line"):
        model.calculate_loss(torch.zeros(1, 4, dtype=torch.int64))
    assert traces() == before


def test_a_snapshot_brings_back_scores_and_the_next_step_exactly(source, tmp_path):
    load_plugin(source / "models")
    model = bridged("Everything", tmp_path)
    untrained = model.snapshot()
    steps(model)
    kept, expected = model.snapshot(), scores(model)
    assert all(isinstance(value, torch.Tensor) and not value.requires_grad for value in kept.values())
    assert not any("item_graph" in key for key in kept)  # unchanged since the construction
    torch.save(kept, tmp_path / "kept.pt")
    later = steps(model, epochs=2)
    model.restore(torch.load(tmp_path / "kept.pt", weights_only=True))
    assert torch.equal(scores(model), expected)
    assert type(model.inner.n_batches) is int and type(model.inner.build) is bool
    model.restore(kept)
    assert steps(model, epochs=2) == later
    model.restore(untrained)
    assert model.inner.n_batches == 0 and model.inner.build is True


def test_item_graphs_are_nobody_else_s_and_nothing_is_left_of_them(source, tmp_path):
    load_plugin(source / "models" / "everything.py")
    (tmp_path / "data" / "toy").mkdir(parents=True)
    for name in ("graph_5.pt", "image_feat.npy"):  # of other features
        (tmp_path / "data" / "toy" / name).write_bytes(b"others'")
    (tmp_path / "data" / "toy" / "more.txt").write_text("linked")
    features = toy_features(seed=1)
    first, other = bridged("Everything", tmp_path), bridged("Everything", tmp_path, features)
    assert not first.inner.was_there and not other.inner.was_there
    assert not torch.equal(first.inner.item_graph.to_dense(), other.inner.item_graph.to_dense())
    assert first.inner.found == ["more.txt"]  # links to the dataset's files, but not to others' graphs and features
    assert (tmp_path / "data" / "toy" / "graph_5.pt").read_bytes() == b"others'"
    assert not list((tmp_path / "cache").rglob("*.pt"))


def test_training_the_features_leaves_the_loader_s_alone(source, tmp_path):
    load_plugin(source / "models" / "everything.py")
    features = toy_features()
    before = features.v.clone()
    model = bridged("Everything", tmp_path, features)
    steps(model, epochs=2)
    assert torch.equal(features.v, before) and not torch.equal(model.v_feat, before)


def test_batches_come_in_the_layout_that_the_model_asks_for(source, tmp_path):
    load_plugin(source / "models" / "pairs.py")
    pairs = bridged("Pairs", tmp_path)
    steps(pairs)
    assert {len(batch) for batch in pairs.inner.seen} == {2}
    users = bridged("Pairs", tmp_path, use_full_sampling=True, use_neg_sampling=True, train_batch_size=25)
    steps(users, epochs=2)
    ids = users.inner.seen
    assert [tuple(batch.shape) for batch in ids] == [(25,), (25,), (9,)] * 2  # user 59 has no training row
    assert torch.equal(torch.cat(ids[:3]).sort().values, torch.arange(N_USERS - 1)) and not torch.equal(ids[0], ids[3])
    with pytest.raises(ConfigError, match="use_neighborhood_loss"):
        bridged("Pairs", tmp_path, use_neighborhood_loss=True)


def test_the_loader_has_what_mmrec_s_has(source, tmp_path):
    pandas = pytest.importorskip("pandas")
    load_plugin(source / "models" / "pairs.py")
    loader = bridged("Pairs", tmp_path).loader
    frame = loader.dataset.df
    assert isinstance(frame, pandas.DataFrame) and list(frame) == [loader.dataset.uid_field, loader.dataset.iid_field]
    assert (frame.iloc[:, 1] == loader.inter_matrix().col).all() and loader.dataset.inter_num == len(
        frame
    ) == loader.pr_end
    user = int(frame.iloc[0, 0])
    assert loader.history_items_per_u[user] == set(frame[frame.iloc[:, 0] == user].iloc[:, 1])
    assert loader.history_users_per_i.keys() == loader.all_items_set == set(frame.iloc[:, 1])
    assert N_USERS - 1 not in loader.history_items_per_u and loader.all_users_set == set(frame.iloc[:, 0])
    loader.dataset.shuffle()
    assert not loader.dataset.df.equals(frame) and loader.dataset_bk.df.equals(frame)
    assert loader.dataset.copy(frame[:3]).inter_num == 3 and len(loader.dataset[2:5]) == 3
    assert len(list(loader)) == len(loader)
    with pytest.raises(NotImplementedError):
        loader.inter_matrix("lil")


def test_a_run_from_the_command_line(source, toy_keys, capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    words = [f"{k}={v}".replace("'", "") for k, v in toy_keys.items() if k != "progress"]
    plugin = ["--plugin", str(source / "models")]
    assert main(["-q", "-m", "Everything", "BPR", "-d", "toy", *plugin, *words, "Everything.reg_weight=0.1"]) == 0
    table = capsys.readouterr().out
    assert "Everything" in table and "BPR" in table
    assert main(["list", "models", *plugin]) == 0
    assert "mmrec:Everything" in capsys.readouterr().out


def test_the_returned_model_scores_as_it_did_at_the_best_epoch(source, toy_keys):
    load_plugin(source / "models" / "everything.py")
    result = quick_start("mmrec:Everything", "toy", {**toy_keys, "epochs": 6, "learning_rate": 0.3})
    assert result.record.info["best"]["epoch"] < 6  # what the last batch left in attributes is another epoch's
    config = load_config("mmrec:Everything", "toy", overrides=toy_keys)
    options = EvaluationOptions.from_config(config)
    assert evaluate(result.model, load_dataset(config).splits.valid, options).means == result.valid
    assert torch.load(result.record.path / "checkpoint.pt", weights_only=True)


def test_cold_items_are_refused(source, tmp_path):
    load_plugin(source / "models" / "everything.py")
    with pytest.raises(ConfigError, match="cold_items"):
        bridged("Everything", tmp_path, cold_items=0.2)


def test_files_that_only_extend_another_model_and_files_in_other_codings_are_read(source, tmp_path):
    text = "# -*- coding: gbk -*-\nfrom models.pairs import Pairs\n\nclass Mine(Pairs):\n    note = '\u591a'\n"
    (source / "models" / "mine.py").write_bytes(text.encode("gbk"))
    (source / "configs" / "model" / "Mine.yaml").write_text("is_multimodal_model: False\nuse_neg_sampling: False\n")
    load_plugin(source / "models")
    assert bridged("Mine", tmp_path).inner.note == "\u591a"


def test_a_name_that_the_host_has_is_reached_by_its_prefix_only(source):
    path = source / "models" / "vbpr.py"
    path.write_text(PAIRS.replace("Pairs", "VBPR"))
    own = MODELS.get("VBPR")
    load_plugin(path)
    load_plugin(path)  # a second time is no second model
    assert MODELS.get("VBPR") is own and MODELS.get("mmrec:VBPR").file.path == path


def test_the_yaml_is_found_in_the_checkout_then_beside_the_file(source):
    load_plugin(source / "models")
    assert load_config("mmrec:Everything", "toy").search == {"reg_weight": [0.001, 0.1]}
    assert find_yaml("model", "Everything") == source / "configs/model/Everything.yaml"
    assert load_config("PTMRec", "toy", overrides={"base": "mmrec:Everything"})["knn_k"] == 5
    (source / "configs/model/Everything.yaml").unlink()
    (source / "models" / "Everything.yaml").write_text("reg_weight: 0.5\n")
    load_plugin(source / "models")
    assert load_config("Everything", "toy")["reg_weight"] == 0.5


def test_a_model_without_a_yaml_runs_on_the_defaults_with_a_warning(source, toy_keys, caplog):
    (source / "configs/model/Pairs.yaml").unlink()
    load_plugin(source / "models" / "pairs.py")
    quick_start("Pairs", "toy", {**toy_keys, "is_multimodal_model": False})
    assert "pairs.py: has no YAML" in caplog.text


def test_a_fork_s_own_functions_are_taken_from_the_fork(source, tmp_path):
    (source / "utils" / "utils.py").write_text("def fork_only():\n    return 5\n")
    needs = PAIRS.replace("import torch\n", "import torch\nfrom utils.utils import fork_only\n", 1)
    (source / "models" / "pairs.py").write_text(
        needs.replace("self.loader, ", "self.five = fork_only(); self.loader, ")
    )
    load_plugin(source / "models" / "pairs.py")
    assert bridged("Pairs", tmp_path).inner.five == 5


@pytest.mark.parametrize(
    "line, message",
    [
        (
            "from library_that_nobody_has import part",
            r"lacks library_that_nobody_has: pip install library_that_nobody_has",
        ),
        ("from utils.nowhere import x", r"lacks utils/nowhere\.py"),
        ("raise RuntimeError('of the file')", r"fails on import with RuntimeError: of the file"),
        ("from utils.utils import nothing_such", r"fails on import with ImportError.*nothing_such"),
    ],
)
def test_a_file_that_cannot_be_imported_says_why_and_only_when_it_is_used(source, tmp_path, line, message):
    (source / "models" / "pairs.py").write_text(f"{line}\n{PAIRS}")
    before = traces()
    load_plugin(source / "models")
    for _ in range(2):
        with pytest.raises(ConfigError, match=message):
            bridged("Pairs", tmp_path)
    assert traces() == before


def test_a_file_beside_the_data_that_is_missing_is_named(source, tmp_path):
    extra = "        self.graph = np.load(config['data_path'] + config['item_graph_dict_file'])\n"
    text = PAIRS.replace("import torch\n", "import numpy as np\n", 1).replace(
        "        self.loader,", extra + "        self.loader,"
    )
    (source / "models" / "pairs.py").write_text(text)
    load_plugin(source / "models" / "pairs.py")
    with pytest.raises(DataError, match=r"item_graph_dict\.npy.*toy"):
        bridged("Pairs", tmp_path)
    assert "item_graph_dict.npy" in MODELS.get("Pairs").__doc__


def test_a_folder_may_hold_helpers_and_ordinary_plugins_too(source, tmp_path):
    (source / "models" / "helper_of_models.py").write_text("from common.loss import BPRLoss\n")
    (source / "models" / "ordinary.py").write_text(
        "from mmrec_host.models.base import MODELS\n@MODELS.register('Ordinary')\nclass Ordinary:\n    'Plain.'\n"
    )
    load_plugin(source / "models")
    assert {"Ordinary", "Pairs", "mmrec:Pairs", "Everything"} <= set(MODELS.names())
    with pytest.raises(ConfigError, match="no class that is called as the file"):
        load_plugin(source / "models" / "helper_of_models.py")


def test_a_model_of_the_same_folder_can_be_built_on(source, tmp_path):
    (source / "models" / "child.py").write_text(
        "from common.loss import BPRLoss\nfrom models.pairs import Pairs\nclass Child(Pairs): pass\n"
    )
    (source / "models" / "Child.yaml").write_text("is_multimodal_model: false\n")
    load_plugin(source / "models" / "child.py")
    assert ModelFile.read(source / "models" / "child.py").lacks() == ""
    assert scores(bridged("Child", tmp_path)).shape == (N_USERS, N_ITEMS)


def test_no_checkout_and_no_files(tmp_path, capsys):
    for argv, message in (
        (["list", "models", "--mmrec-home", str(tmp_path)], "no MMRec checkout, src/main.py"),
        (["-m", "BM3", "-d", "toy", "--mmrec-home", str(tmp_path)], "no MMRec checkout"),
        (["-m", "BM3", "-d", "toy", "--plugin", str(tmp_path)], "holds no Python file"),
    ):
        assert main(argv) == 2
        assert message in capsys.readouterr().err
