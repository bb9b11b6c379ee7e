"""What the benchmark of MMRec's forks makes of the data, and what it takes for chance."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest
import scipy.sparse as sp
import torch

sys.path.insert(0, str(Path(__file__).parents[2] / "benchmarks"))

import fork_data
import forks

from mmrec_bridge.model_file import ModelFile
from mmrec_host.config import load_config
from mmrec_host.data.dataset import load_dataset
from mmrec_host.evaluation.evaluator import evaluate
from mmrec_host.evaluation.options import EvaluationOptions
from mmrec_host.models.base import MODELS


def test_users_who_took_the_same_items_are_neighbours() -> None:
    taken = sp.csr_matrix(np.array([[2, 1, 0], [1, 1, 0], [0, 1, 0], [0, 0, 0]]))  # the first took an item twice
    assert fork_data.user_graph(taken) == {0: [[1, 2], [2, 1]], 1: [[0, 2], [2, 1]], 2: [[0, 1], [1, 1]], 3: [[], []]}


def test_chance_is_what_random_rankings_have(toy_keys) -> None:
    found = []
    for seed in range(40):
        config = load_config("Random", "toy", overrides={**toy_keys, "seed": seed, "is_multimodal_model": False})
        dataset = load_dataset(config)
        config["device"] = torch.device("cpu")
        model = MODELS.get("Random")(config, dataset.train_loader(config, dataset.features(config)))
        found.append(evaluate(model, dataset.splits.test, EvaluationOptions.from_config(config)).means["recall@10"])
    chance = fork_data.chance(dataset)
    assert np.mean(found) == pytest.approx(chance["recall"], abs=4 * chance["error"] / np.sqrt(len(found)))
    assert np.std(found) == pytest.approx(chance["error"], rel=0.4)


def test_the_middle_of_a_grid_is_a_number(tmp_path) -> None:
    path = tmp_path / "models" / "one.py"
    path.parent.mkdir()
    path.write_text("from common.loss import BPRLoss\nclass One: pass\n")
    yaml = "rate: [1, 0.1, 0.001.0.005, 0.01]\nmode: [a, b, c]\nhyper_parameters: [rate, mode]\n"
    (path.parent / "One.yaml").write_text(yaml)
    assert forks.grid(ModelFile.read(path)) == {"rate": 0.1, "mode": "b"}
