"""One cache, several processes and data folders: nobody is given another's features, nor damaged ones."""

from __future__ import annotations

import logging
import multiprocessing
import os
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from raw_dataset import N_ITEMS, write_dataset

from feature_cache import Store
from mmrec_host.config import load_config
from ptmrec_plugin.items.item_encoder import ItemEncoder

CUT = 1


def encode(data: Path, cache: Path) -> dict[str, np.ndarray]:
    """Features, and activations before a block, of all items of `toy`."""
    keys = {"encoder": "tiny", "data_path": str(data), "cache_path": str(cache), "device": "cpu", "progress": False}
    items = ItemEncoder(load_config("VBPR", "toy", overrides=keys), data / "toy", N_ITEMS)
    features = {modality: items.pooled(modality).numpy() for modality in ("v", "t")}
    return features | {"states": items.states(items.encoder, "v", CUT).table()}


def differences(one: dict[str, np.ndarray], other: dict[str, np.ndarray]) -> dict[str, int]:
    """How many items differ in each table."""
    return {name: int((table != other[name]).reshape(N_ITEMS, -1).any(1).sum()) for name, table in one.items()}


@pytest.fixture
def folders(tmp_path: Path) -> list[Path]:
    """Two data folders with a dataset `toy` each, of the same sizes and other pictures and texts."""
    one, two = tmp_path / "one", tmp_path / "two"
    write_dataset(one)
    shutil.copytree(one, two)
    for path in (two / "toy" / "images").iterdir():
        with Image.open(path) as image:
            image.transpose(Image.Transpose.ROTATE_90).save(path)
    texts = two / "toy" / "items.jsonl"
    texts.write_text(texts.read_text().replace("a", "o"))
    return [one, two]


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_four_processes_on_two_folders_of_one_name_get_what_each_would_alone(folders, tmp_path):
    expected = [encode(folder, tmp_path / f"cache of {folder.name}") for folder in folders]
    assert all(differences(*expected).values())
    processes = multiprocessing.get_context("fork")

    def work(number: int, cache: Path, together) -> None:
        torch.set_num_threads(1)
        together.wait()
        np.savez(cache.with_name(f"{cache.name}-{number}.npz"), **encode(folders[number % 2], cache))

    for again in range(3):
        cache, together = tmp_path / f"shared {again}", processes.Barrier(4)
        workers = [processes.Process(target=work, args=(number, cache, together)) for number in range(4)]
        for worker in workers:
            worker.start()
        for worker in workers:
            worker.join()
        assert [worker.exitcode for worker in workers] == [0, 0, 0, 0]
        for number in range(4):
            with np.load(cache.with_name(f"{cache.name}-{number}.npz")) as found:
                assert not any(differences(dict(found), expected[number % 2]).values())
        for folder, alone in zip(folders, expected):  # and what they left
            assert not any(differences(encode(folder, cache), alone).values())


def test_damaged_features_and_activations_are_made_anew(folders, tmp_path, caplog):
    data, cache = folders[0], tmp_path / "cache"
    before = encode(data, cache)
    Store(cache / "toy").close()  # else its map would lose its file
    file = cache / "toy" / "data.mdb"
    content = file.read_bytes()
    for table in before.values():
        row = table[5].tobytes()
        assert row in content
        content = content.replace(row, row[:4] + bytes(len(row) - 8) + row[-4:])
    file.write_bytes(content)
    caplog.set_level(logging.WARNING)
    assert not any(differences(encode(data, cache), before).values())
    labels = ["encode v", "encode t", "activations v"]
    assert [message for message in caplog.messages if "damaged" in message] == [
        f"{file.parent}: stored {label} are damaged, and made anew" for label in labels
    ]
