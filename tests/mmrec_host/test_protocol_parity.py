"""Splits, masks and metrics against MMRec's own loaders and evaluator, on a file with all that they treat apart."""

from __future__ import annotations

import importlib
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from mmrec_checkout import HOME, drop_modules, needs_mmrec
from torch import nn

from mmrec_bridge.shims import mmrec_shims
from mmrec_host.config import Config, load_config
from mmrec_host.data.dataset import Dataset, load_dataset
from mmrec_host.evaluation.evaluator import evaluate
from mmrec_host.evaluation.options import EvaluationOptions

pytestmark = needs_mmrec
N_USERS, N_ITEMS = 30, 60


@pytest.fixture
def config(tmp_path: Path) -> Config:
    """Repeated pairs, users without training rows, users without test rows, items without training rows."""
    rng = np.random.default_rng(3)
    rows = ["userID\titemID\trating\ttimestamp\tx_label"]
    for user in range(N_USERS):
        for item in rng.choice(N_ITEMS - 5 * (user % 2), rng.integers(3, 25), replace=False):
            label = rng.choice([1, 2]) if user in (4, 9) else rng.choice([0, 0, 0, 1, 2] if user != 7 else [0, 1])
            rows += [f"{user}\t{item}\t5.0\t0\t{label}"] * (1 + (rng.random() < 0.1))
    order = 1 + rng.permutation(len(rows) - 1)
    folder = tmp_path / "data" / "toy"
    folder.mkdir(parents=True)
    (folder / "toy.inter").write_text("\n".join([rows[0], *(rows[i] for i in order)]) + "\n")
    keys = {"data_path": f"{tmp_path / 'data'}/", "inter_file_name": "toy.inter", "duplicates": "keep"}
    loaded = load_config("BPR", "toy", overrides={**keys, "metrics": ["Recall", "Recall2", "NDCG", "Precision", "MAP"]})
    loaded["device"] = torch.device("cpu")
    return loaded


@pytest.fixture
def mmrec(config):
    """MMRec's modules, by their last names."""
    drop_modules()
    sys.path.insert(0, str(Path(HOME) / "src"))
    with mmrec_shims():
        names = ("dataset", "dataloader", "topk_evaluator")
        yield SimpleNamespace(**{name: importlib.import_module(f"utils.{name}") for name in names})
    sys.path.remove(str(Path(HOME) / "src"))
    drop_modules()


def mmrec_loaders(mmrec: Any, config: Config) -> tuple[Any, list[Any]]:
    """MMRec's training loader, and those of validation and test."""
    parts = mmrec.dataset.RecDataset(config).split()
    for part in parts:
        str(part)  # counts the rows, which its loaders need
    train = mmrec.dataloader.TrainDataLoader(config, parts[0], batch_size=64, shuffle=True)
    evals = [mmrec.dataloader.EvalDataLoader(config, p, additional_dataset=parts[0], batch_size=7) for p in parts[1:]]
    return train, evals


def test_the_training_rows_are_the_same_in_the_same_order(mmrec, config):
    train, _ = mmrec_loaders(mmrec, config)
    dataset: Dataset = load_dataset(config)
    ours, theirs = dataset.train_loader(config, dataset.features(config)).inter_matrix(), train.inter_matrix()
    assert ours.shape == theirs.shape
    for name in ("row", "col", "data"):
        np.testing.assert_array_equal(getattr(ours, name), getattr(theirs, name))


def test_users_positives_and_masks_are_the_same(mmrec, config):
    _, evals = mmrec_loaders(mmrec, config)
    splits = load_dataset(config).splits
    for ours, theirs in zip((splits.valid, splits.test), evals, strict=True):
        np.testing.assert_array_equal(ours.users, theirs.get_eval_users())
        for i, positives in enumerate(theirs.get_eval_items()):
            np.testing.assert_array_equal(ours.positives.row(i), positives)
        masks = {}
        for users, mask in theirs:
            for row, item in mask.T.tolist():
                masks.setdefault(users[row].item(), []).append(item)
        assert {u: sorted(ours.mask.row(i)) for i, u in enumerate(ours.users.tolist()) if len(ours.mask.row(i))} == {
            u: sorted(items) for u, items in masks.items()
        }


class Fixed(nn.Module):
    """Scores that were drawn beforehand."""

    n_items = N_ITEMS

    def __init__(self) -> None:
        super().__init__()
        self.scores = torch.randn(N_USERS, N_ITEMS, generator=torch.Generator().manual_seed(5))

    def full_sort_predict(self, interaction: list[torch.Tensor]) -> torch.Tensor:
        return self.scores[interaction[0]].clone()


def test_the_metrics_of_the_same_scores_are_the_same(mmrec, config):
    _, evals = mmrec_loaders(mmrec, config)
    splits = load_dataset(config).splits
    model = Fixed()
    evaluator = mmrec.topk_evaluator.TopKEvaluator(config)
    for ours, theirs in zip((splits.valid, splits.test), evals, strict=True):
        ranked = []
        for users, mask in theirs:
            scores = model.full_sort_predict([users])
            scores[mask[0], mask[1]] = -1e10
            ranked.append(scores.topk(max(config["topk"])).indices)
        expected = evaluator.evaluate(ranked, theirs)
        means = evaluate(model, ours, EvaluationOptions.from_config(config)).means
        assert len(expected) == 20
        assert {k.lower(): v for k, v in expected.items()} == pytest.approx(means, abs=5.1e-5)  # it rounds
