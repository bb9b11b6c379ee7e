"""A small made-up fork of MMRec in a folder: what a test wants changed is written over the plain files."""

from __future__ import annotations

from pathlib import Path

BASE = """
import os
import numpy as np
import torch
from torch import nn
import package_of_the_fork


class GeneralRecommender(nn.Module):
    def __init__(self, config, dataloader):
        super().__init__()
        self.n_users, self.n_items = dataloader.dataset.get_user_num(), dataloader.dataset.get_item_num()
        self.device, folder = config['device'], config['data_path'] + config['dataset']
        read = lambda name: torch.from_numpy(np.load(os.path.join(folder, name), allow_pickle=True)).float()
        self.visual_feat, self.textual_feat = read(config['vision_feature_file']), read(config['text_feature_file'])

    def pre_epoch_processing(self): pass

    def post_epoch_processing(self): pass
"""
MODEL = """
import torch
from torch import nn
from common.abstract_recommender import GeneralRecommender
from common.loss import BPRLoss


class Forked(GeneralRecommender):
    def __init__(self, config, dataset):
        super().__init__(config, dataset)
        self.config = config
        # more
        self.users, self.items = nn.Embedding(self.n_users, 8), nn.Embedding(self.n_items, 8)

    def calculate_loss(self, interaction):
        u, p, n = self.users(interaction[0]), self.items(interaction[1]), self.items(interaction[2])
        return BPRLoss()((u * p).sum(1), (u * n).sum(1))

    def full_sort_predict(self, interaction):
        return self.users(interaction[0]) @ self.items.weight.T
"""
TRAINER = """
class Trainer:
    def __init__(self, config, model, mg=False, vp='0'):
        self.model, self.vp, self.best, self.rate = model, vp, None, config['rate_of_trainer']

    def _train_epoch(self, train_data, epoch_idx, loss_func=None):
        losses = [loss_func(batch) for batch in train_data]
        total = sum(loss.item() for loss in losses)
        losses[-1].backward()
        if self.vp == '2' and self.best is not None and total < self.rate * self.best:
            self.model.flag = True
        self.best = total if self.best is None else min(self.best, total)
        return total, losses
"""
MAIN = """
import argparse
parser = argparse.ArgumentParser()
parser.add_argument('--model', '-m', type=str, default='Forked')
parser.add_argument('--vp', type=str, default='2')
parser.add_argument('--use-extra', action='store_true')
"""
FILES = {
    "main.py": MAIN,
    "common/abstract_recommender.py": BASE,
    "utils/quick_start.py": "",
    "models/forked.py": MODEL,
    "configs/overall.yaml": "learning_rate: 0.001\nof_overall: 3\n",
    "configs/model/FORKED.yaml": "",
}


def write_fork(home: Path, files: dict[str, str] | None = None, source: str = "src") -> Path:
    """Write the fork; `files` besides or in place of the plain ones, None for one that it is to lack."""
    for name, text in {**FILES, **(files or {})}.items():
        path = home / source / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return home


def model_with(*lines: str, loss: str = "self, interaction", constructor: str = "self, config, dataset") -> str:
    """The model's file, with more lines in its constructor."""
    text = MODEL.replace("# more", "\n        ".join(lines) or "# more")
    return text.replace("self, interaction):\n        u, p", f"{loss}):\n        u, p").replace(
        "__init__(self, config, dataset)", f"__init__({constructor})", 1
    )
