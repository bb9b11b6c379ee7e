"""A recommender outside the project: matrix factorisation with a bias of each item."""

import torch
import torch.nn.functional as F
from torch import nn

from mmrec_host.models.base import MODELS, Recommender


@MODELS.register("BiasMF")
class BiasMF(Recommender):
    """Matrix factorisation with a bias of each item, for tests."""

    defaults = {"learning_rate": 0.01, "is_multimodal_model": False}

    def __init__(self, config, dataloader):
        super().__init__(config, dataloader)
        self.users = nn.Embedding(self.n_users, config["embedding_size"])
        self.items = nn.Embedding(self.n_items, config["embedding_size"] + 1)
        for table in (self.users, self.items):
            nn.init.normal_(table.weight, std=0.1)

    def calculate_loss(self, interaction):
        users, positive, negative = interaction
        user_vectors, item_vectors = self.representations()
        difference = item_vectors[positive] - item_vectors[negative]
        return -F.logsigmoid((user_vectors[users] * difference).sum(1)).mean()

    def representations(self):
        ones = torch.ones(self.n_users, 1, device=self.users.weight.device)
        return torch.cat([self.users.weight, ones], 1), self.items.weight

    def item_id_tables(self):
        return [self.items.weight]
