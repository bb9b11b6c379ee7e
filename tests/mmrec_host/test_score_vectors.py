"""Factorised scores: exact where the rank allows, said where not."""

from __future__ import annotations

import logging

import torch

from mmrec_host.evaluation import score_vectors as module
from mmrec_host.evaluation.score_vectors import score_vectors

CPU = torch.device("cpu")


def test_scores_of_low_rank_come_back(monkeypatch):
    monkeypatch.setattr(module, "MEMORY_BLOCK", 32 * 4 * 70)
    generator = torch.Generator().manual_seed(1)
    users, items = torch.randn(100, 12, generator=generator), torch.randn(70, 12, generator=generator)
    u, v = score_vectors(lambda ids: users[ids] @ items.T, 100, 70, CPU, "X")
    assert u.shape == (100, 12) and v.shape == (70, 12)
    torch.testing.assert_close(u @ v.T, users @ items.T, atol=1e-4, rtol=1e-4)


def test_scores_of_high_rank_are_approximated_and_it_is_said(monkeypatch, caplog):
    monkeypatch.setattr(module, "RANK", 8)
    caplog.set_level(logging.WARNING)
    scores = torch.randn(60, 50, generator=torch.Generator().manual_seed(1))
    u, v = score_vectors(lambda ids: scores[ids], 60, 50, CPU, "Odd")
    left_out = ((scores - u @ v.T).square().sum() / scores.square().sum()).item()
    assert "Odd" in caplog.text and 0 < left_out < 1
    assert f"{left_out:.2g}" in caplog.text
