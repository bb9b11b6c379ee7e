"""Forks of MMRec: their own modules, YAML files, arguments and trainers serve their models, or a message says why."""

from __future__ import annotations

import os
import re
from pathlib import Path

import numpy as np
import pytest
import scipy.sparse as sp
import torch
from bridged import bridged, scores, steps
from made_up_fork import BASE, TRAINER, model_with, write_fork

from mmrec_bridge import originals, trial
from mmrec_bridge.checkout import load_checkout, mmrec_checkout
from mmrec_bridge.shims import mmrec_shims
from mmrec_host.cli.main import main
from mmrec_host.config import load_config
from mmrec_host.errors import ConfigError
from mmrec_host.models.base import MODELS
from mmrec_host.testing.toy_data import N_USERS, toy_features, toy_pairs

FORKS = os.environ.get("MMREC_FORKS")
OWN_YAML = "configs/model/FORKED.yaml"


@pytest.fixture(autouse=True)
def known_models(monkeypatch):
    """What a test registers is forgotten after it."""
    monkeypatch.setattr(MODELS, "_objects", dict(MODELS._objects))


@pytest.fixture
def fork(tmp_path):
    """Writes a fork with the given files and makes its model known."""

    def make(files: dict[str, str] | None = None, source: str = "src") -> Path:
        home = write_fork(tmp_path / "fork", files, source)
        load_checkout(home)
        return home

    return make


def with_model(*lines: str, **changes: str) -> dict[str, str]:
    """The file of a model with more lines in its constructor, or other arguments."""
    return {"models/forked.py": model_with(*lines, **changes)}


def refused(home: Path, toy_keys: dict, capsys, *words: str) -> str:
    """What the command line says when the fork's model is run; a message, and exit code 2."""
    keys = [f"{k}={v}".replace("'", "") for k, v in toy_keys.items() if k != "progress"]
    assert main(["-q", "-m", "Forked", "-d", "toy", "--mmrec-home", str(home), *keys, *words]) == 2
    said = capsys.readouterr().err
    assert "Traceback" not in said
    return said


def test_a_base_class_of_the_fork_finds_the_features_in_files(fork, tmp_path):
    fork({"models/forked.py": model_with("self.image = nn.Embedding.from_pretrained(self.visual_feat, freeze=False)")})
    model = bridged("Forked", tmp_path)
    assert type(model.inner).__mro__[2].__name__ == "Forked"  # after ours, which lets results replace parameters
    assert torch.equal(model.v_feat, toy_features().v) and torch.equal(model.t_feat, toy_features().t)
    losses = steps(model, epochs=10, learning_rate=0.1)
    assert losses[-1] < losses[0] and scores(model).shape[0] == N_USERS
    model.inner.visual_feat = model.inner.visual_feat + 1
    model.inner.derived = None
    model.rebuild_from_features()  # on features as they are now, through files again
    assert torch.equal(model.v_feat, toy_features().v + 1)


def test_results_replace_parameters_under_a_base_class_of_the_fork(fork, tmp_path):
    fork({"models/forked.py": model_with("self.result = nn.Parameter(torch.zeros(3))", "self.result = torch.ones(2)")})
    assert torch.equal(bridged("Forked", tmp_path).inner.result, torch.ones(2))


def test_ours_stand_in_for_mmrec_s_own_files_alone(fork, tmp_path, monkeypatch):
    home = fork({"models/forked.py": model_with("self.image = self.v_feat")})
    file = home / "src/common/abstract_recommender.py"
    with pytest.raises(ConfigError, match="Forked has no 'v_feat'"):
        bridged("Forked", tmp_path)
    monkeypatch.setitem(originals.DIGESTS, "common.abstract_recommender", originals.code_digest(file))
    file.write_text("# a header\n\n" + file.read_text().replace("n_users, self", "n_users,  self"))  # the same code
    load_checkout(home)
    assert torch.equal(bridged("Forked", tmp_path).inner.image, toy_features().v)
    file.write_text(file.read_text() + "more = 1\n")
    load_checkout(home)
    with pytest.raises(ConfigError, match="Forked has no 'v_feat'"):
        bridged("Forked", tmp_path)


def test_keys_come_from_the_checkout_s_files_and_the_host_s_protocol_stays(fork):
    reads = [f"self.{k} = config['{k}']" for k in ("of_overall", "deep", "topk", "use_extra")]
    fork(
        {
            "models/forked.py": model_with(*reads, "config['unread_elsewhere']"),
            "configs/overall.yaml": "of_overall: 3\ntopk: [1]\nnobody_reads: 5\n",
            "configs/dataset/baby.yaml": "deep: [4, 5]\ntopk: [2]\n",
            "configs/dataset/zoo.yaml": "deep: [6]\n",
            OWN_YAML: "hyper_parameters: [deep]\n",
        }
    )
    config = load_config("Forked", "toy")
    assert (config["of_overall"], config["deep"], config["use_extra"]) == (3, 4, False)
    assert config.search == {"deep": [4, 5]} and config["topk"] == [5, 10, 20, 50] and "nobody_reads" not in config
    assert load_config("Forked", "zoo")["deep"] == 6


def test_grids_are_told_from_lists(fork):
    fork(
        {
            OWN_YAML: "learning_rate: [0.1, 0.2]\none: 7\nsizes: [64, 64]\nreg: [1, 2]\n"
            "seed: [3]\nhyper_parameters: [one]\n",
            "configs/model/Other.yaml": "reg: 0.5\n",
        }
    )
    config = load_config("Forked", "toy", overrides={"sizes": 32})
    assert config.search == {"one": [7], "learning_rate": [0.1, 0.2], "reg": [1, 2]}
    assert config["sizes"] == 32 and config["learning_rate"] == 0.1 and config["seed"] == 999


def test_constructors_may_take_more(fork, tmp_path, toy_keys, capsys):
    takes = "self, config, dataset, local_time, vp"
    fork(with_model("self.more = (local_time, vp)", constructor=takes))
    assert bridged("Forked", tmp_path).inner.more[1] == "2"
    home = fork({"models/forked.py": model_with(constructor="self, config, dataset, test_data")})
    assert "its constructor also takes test_data" in refused(home, toy_keys, capsys)


def test_a_data_folder_behind_the_working_folder(fork, tmp_path):
    base = BASE.replace("config['data_path'] + config", "os.getcwd() + config['data_path'] + config")
    fork({"common/abstract_recommender.py": base})
    before = os.getcwd()
    assert torch.equal(bridged("Forked", tmp_path).v_feat, toy_features().v) and os.getcwd() == before


def test_the_fork_s_trainer_sees_each_epoch_s_loss(fork, tmp_path):
    files = {
        "models/forked.py": model_with("self.flag = False"),
        "common/trainer.py": TRAINER,
        "configs/vp.yaml": "rate_of_trainer: [0.9, 0.8]\nhyper_parameters: [rate_of_trainer]\n",
    }
    fork(files)
    model = bridged("Forked", tmp_path)
    first = steps(model)
    assert model.inner.flag is False and model._trainer.losses == pytest.approx([sum(first)])
    kept = model.snapshot()
    steps(model, epochs=20, learning_rate=0.1)
    assert model.inner.flag is True and min(model._trainer.losses) < 0.9 * sum(first)
    model.restore(kept)
    assert model.inner.flag is False and model._trainer.losses == pytest.approx([sum(first)])
    other = bridged("Forked", tmp_path, vp="0")
    steps(other, epochs=20, learning_rate=0.1)
    assert other.inner.flag is False


@pytest.mark.parametrize(
    "files, message",
    [
        (with_model("self.size = config['size_of_nothing'] + 1"), "no YAML of the checkout sets size_of_nothing"),
        (
            with_model("self.rate = config['rate'] * 0.5") | {OWN_YAML: "rate: [0.1, 0.2]\n"},
            r"lists that no hyper_parameters names: rate=\[0.1, 0.2\]",
        ),
        (with_model("self.x = dataset.dataset.of_the_fork"), "MMRecDataset has no 'of_the_fork'"),
        (with_model(loss="self, interaction, epoch"), "its calculate_loss also takes epoch"),
        (with_model("open('missing_graph.npy')"), "also reads missing_graph.npy"),
        (
            with_model("import common.abstract_recommender as base", "base.package_of_the_fork.start()"),
            "package_of_the_fork.start is called, but package_of_the_fork is not installed",
        ),
        (with_model("raise RuntimeError('broken')"), "RuntimeError: broken.*forked.py, line"),
        ({"models/forked.py": model_with().replace("common.loss", "common.losses")}, r"lacks common/losses\.py"),
    ],
)
def test_what_cannot_run_says_why_before_training(fork, toy_keys, capsys, files, message):
    said = " ".join(refused(fork(files), toy_keys, capsys).split())
    assert re.search(message, said), said


def test_a_data_set_has_what_the_fork_s_own_has(fork, tmp_path):
    own = "class RecDataset:\n    kind = 'own'\n    def twice(self):\n        return 2 * self.get_user_num()\n"
    lines = "d = dataset.dataset", "self.seen = (d.twice(), d.kind, d.inter_matrix('csr').shape, hasattr(d, 'nothing'))"
    fork({"models/forked.py": model_with(*lines), "utils/dataset.py": own})
    seen = bridged("Forked", tmp_path).inner.seen
    assert seen[:2] == (2 * N_USERS, "own") and seen[2][0] == N_USERS and seen[3] is False


def test_times_are_there_for_who_asks(fork, tmp_path):
    pytest.importorskip("pandas")
    fork({"models/forked.py": model_with("self.frame = dataset.dataset.df", "self.time = config['TIME_FIELD']")})
    folder = tmp_path / "data" / "toy"
    folder.mkdir(parents=True)
    users, items, _ = toy_pairs()
    rows = "".join(f"{u}\t{i}\t{n}\t0\n" for n, (u, i) in enumerate(zip(users, items)))
    (folder / "toy.inter").write_text("userID\titemID\ttimestamp\tx_label\n" + rows + "0\t0\t5\t1\n")
    frame = bridged("Forked", tmp_path).inner.frame
    assert frame["timestamp"].tolist() == list(range(len(users)))
    (folder / "toy.inter").write_text("userID\titemID\ttimestamp\tx_label\n" + rows[: len(rows) // 2])  # other rows
    assert "timestamp" not in bridged("Forked", tmp_path).inner.frame


def test_packages_that_nothing_uses_need_not_be_installed(fork, tmp_path):
    home = fork({"models/forked.py": "import library_that_nobody_has\n" + model_with()})
    assert scores(bridged("Forked", tmp_path)).shape[0] == N_USERS
    path = home / "src/models/forked.py"
    path.write_text("from library_that_nobody_has.nn import Layer\n" + path.read_text())
    load_checkout(home)
    with pytest.raises(ConfigError, match="lacks library_that_nobody_has: pip install"):
        bridged("Forked", tmp_path)


def test_a_fork_without_src_and_with_other_names(tmp_path):
    files = {"utils_package/configurator.py": "cur_dir = 'src/configs'\nconfig_dict['model'].upper()\n"}
    home = write_fork(tmp_path / "flat", files, source=".")
    (home / "utils/quick_start.py").rename(home / "utils_package/quick_start.py")
    checkout = mmrec_checkout(home)
    assert checkout.source == checkout.run_folder == home.resolve() and checkout.yaml_in_capitals
    assert mmrec_checkout(write_fork(tmp_path / "usual")).source == (tmp_path / "usual/src").resolve()
    (home / "configs/overall.yaml").unlink()
    with pytest.raises(ConfigError, match=r"no MMRec checkout, configs/overall\.yaml not found"):
        mmrec_checkout(home)


def test_the_list_says_what_runs_and_keeps_it(fork, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    home = fork({"models/broken.py": model_with("config['absent_key'] + 1").replace("Forked", "Broken")})
    words = ["list", "models", "--mmrec-home", str(home)]

    def listed() -> dict[str, str]:
        assert main(words) == 0
        return dict(line.split(None, 1) for line in capsys.readouterr().out.splitlines())

    said = listed()
    assert said["mmrec:Forked"] == said["Forked"] == "runs"
    assert "cannot run here: no YAML of the checkout sets absent_key" in said["mmrec:Broken"]
    with monkeypatch.context() as patch:
        patch.setattr(trial, "trial", lambda model: pytest.fail("tried again"))
        assert listed() == said
    (home / "src/models/broken.py").write_text(model_with().replace("Forked", "Broken"))
    assert listed()["mmrec:Broken"] == "runs"


def test_names_that_scipy_and_numpy_dropped():
    with mmrec_shims():
        assert sp.csr_matrix(np.eye(2)).A.tolist() == [[1, 0], [0, 1]]
        assert np.array([1.7]).astype(np.int).tolist() == [1]


@pytest.mark.skipif(not FORKS, reason="MMREC_FORKS does not name a folder with checkouts of MMRec's forks")
def test_the_models_of_real_forks_run(monkeypatch):
    lacking = {}
    for home in sorted(Path(FORKS).iterdir()):
        monkeypatch.setattr(MODELS, "_objects", {})
        load_checkout(home)
        for name, model in MODELS._objects.items():
            if name.startswith("mmrec:") and not (said := trial.trial(model)).startswith(("runs", "needs")):
                lacking[f"{home.name}/{name}"] = said
    assert len(lacking) <= 3, lacking  # of 90
