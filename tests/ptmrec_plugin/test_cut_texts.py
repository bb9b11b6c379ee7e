"""Texts that an encoder does not read to their end are counted."""

from __future__ import annotations

import logging
import zlib
from collections.abc import Sequence

import torch
from raw_dataset import N_ITEMS, write_dataset

from mmrec_host.config import load_config
from ptmrec_plugin.items.cut_texts import describe_cut, share_read
from ptmrec_plugin.items.item_encoder import ItemEncoder

CONTEXT = 6


def tokenize(texts: Sequence[str]) -> torch.Tensor:
    """A token a word, six at most, padded to the longest of these texts."""
    rows = torch.zeros(len(texts), min(CONTEXT, max(len(text.split()) for text in texts)), dtype=torch.long)
    for row, text in zip(rows, texts):
        for place, word in enumerate(text.split()[:CONTEXT]):
            row[place] = 1 + zlib.crc32(word.encode()) % 10_000
    return rows


def test_only_texts_that_lose_something_count():
    texts = ["a b c", "a b c d e f", "a b c d e f g", "one " * 11 + "end", ""]
    assert "2 of 5 texts are longer" in describe_cut(tokenize, texts)
    assert describe_cut(tokenize, texts[:2]) is None
    assert share_read(tokenize, "a b c d e f g h i j k l") == 0.5


def test_it_is_said_when_they_are_encoded(tmp_path, caplog):
    home = write_dataset(tmp_path, "toy")
    text = (home / "items.jsonl").read_text().replace("number 7", "very " * 200 + "number 7")
    (home / "items.jsonl").write_text(text)
    keys = {"encoder": "tiny", "data_path": str(tmp_path), "cache_path": str(tmp_path / "cache"), "device": "cpu"}
    items = ItemEncoder(load_config("VBPR", "toy", overrides=keys), home, N_ITEMS)
    with caplog.at_level(logging.WARNING):
        items.pooled("t")
    assert f"toy: 1 of {N_ITEMS} texts are longer than the encoder reads" in caplog.text
    assert "items 7." in caplog.text
