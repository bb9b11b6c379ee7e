"""Features that somebody else made get into the dataset's order by raw ids."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from preparing import prepare
from public_shapes import N_ITEMS, interactions_csv, prepared, write

from mmrec_host.config import load_config
from mmrec_host.data.array_files import read_array
from mmrec_host.data.features import load_features
from mmrec_host.errors import DataError

TABLE = np.arange(N_ITEMS * 4, dtype=np.float32).reshape(N_ITEMS, 4)


@pytest.fixture(autouse=True)
def own_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    interactions_csv()


def made(name: str = "x") -> dict[str, list[float]]:
    """Raw item id -> its row."""
    table = np.load(f"data/{name}/image_feat.npy")
    return {item["source_id"]: row.tolist() for item, row in zip(prepared(name)[1], table)}


def test_rows_of_an_array_go_where_their_ids_say_and_missing_ones_are_the_mean(capsys):
    order = np.random.default_rng(0).permutation(N_ITEMS)
    known = order[:10]
    np.save("v.npy", TABLE[known])
    words = ["--image-features", "v.npy", "--feature-ids", write("ids.txt", map(str, known))]
    prepare("x", "--interactions", "log.csv", *words, "--no-images")
    rows = made()
    mean = TABLE[known].mean(0).tolist()
    assert rows == {str(n): (TABLE[n].tolist() if n in known else pytest.approx(mean)) for n in range(N_ITEMS)}
    said = capsys.readouterr().out
    assert "2 × image features that are not there (the mean stands in)" in said and "10 of 12 items have a row" in said
    assert "next: ptmrec -m VBPR -d x features=files modalities=[v]" in said
    with pytest.raises(DataError, match=r"does not say which row is which item's. --feature-ids FILE .* the first are"):
        prepare("y", "--interactions", "log.csv", "--image-features", "v.npy", "--no-images")
    with pytest.raises(DataError, match="names 12 ids, and v.npy has 10 rows"):
        more = ["--feature-ids", write("all.txt", map(str, range(N_ITEMS)))]
        prepare("y", "--interactions", "log.csv", "--image-features", "v.npy", *more)
    with pytest.raises(DataError, match="has features of none of the items"):
        more = ["--feature-ids", write("other.txt", (f"X{n}" for n in range(10)))]
        prepare("y", "--interactions", "log.csv", "--image-features", "v.npy", *more)


@pytest.mark.parametrize("shape", ["folder", "table", "columns", "torch"])
def test_the_forms_in_which_features_come_with_ids(shape):
    more: list[str] = []
    if shape == "folder":  # Ducho's: an array of shape [1, d] an item
        Path("feats").mkdir()
        for n in range(N_ITEMS):
            np.save(f"feats/{n}.npy", TABLE[n : n + 1])
    elif shape == "table":
        write("feats", (f'{{"item_id": {n}, "vector": {TABLE[n].tolist()}}}' for n in range(N_ITEMS)))
    elif shape == "columns":
        write("feats", ["id,a,b,c,d", *(f"{n},{','.join(map(str, TABLE[n]))}" for n in range(N_ITEMS))])
    else:
        torch.save(torch.from_numpy(TABLE[::-1].copy()), "feats.pt")
        more = [
            "--feature-ids",
            write("map.csv", ["asin\titemID", *(f"{n}\t{N_ITEMS - 1 - n}" for n in reversed(range(N_ITEMS)))]),
        ]
    name = "feats.pt" if shape == "torch" else "feats"
    prepare("x", "--interactions", "log.csv", "--image-features", name, *more, "--no-images")
    assert made() == {str(n): TABLE[n].tolist() for n in range(N_ITEMS)}


def test_rows_with_nan_are_filled_and_counted(capsys):
    table = TABLE.copy()
    table[5, 2] = np.nan
    np.savez("v.npz", table)
    words = ["--image-features", "v.npz", "--feature-ids", write("ids.txt", map(str, range(N_ITEMS)))]
    prepare("x", "--interactions", "log.csv", *words, "--no-images")
    assert made()["5"] == pytest.approx(np.delete(TABLE, 5, 0).mean(0).tolist())
    assert "1 × image features with NaN or infinite entries (the mean stands in), such as 5" in capsys.readouterr().out


def test_what_is_no_array_is_one_line(tmp_path):
    torch.save(torch.from_numpy(TABLE), "t.pt")
    torch.save({"a": TABLE[0].tolist(), "b": 1}, "d.pt")
    np.save("o.npy", np.array([{}], dtype=object), allow_pickle=True)
    np.savez("two.npz", TABLE, TABLE)
    Path("raw.npy").write_bytes(TABLE.tobytes())
    write("csv.npy", ["1,2", "3,4"])
    torch.save(torch.from_numpy(TABLE), "renamed.npy")
    assert (read_array(Path("t.pt")) == TABLE).all() and (read_array(Path("renamed.npy")) == TABLE).all()
    for name in ("d.pt", "o.npy", "two.npz", "raw.npy", "csv.npy"):
        with pytest.raises(DataError, match=name):
            read_array(Path(name))


def test_a_saved_tensor_serves_features_files(tmp_path):
    (tmp_path / "data/shop").mkdir(parents=True)
    torch.save(torch.from_numpy(TABLE), tmp_path / "data/shop/v.pt")
    keys = {"features": "files", "vision_feature_file": "v.pt", "modalities": ["v"], "device": "cpu"}
    config = load_config("VBPR", "shop", overrides=keys)
    assert (load_features(config, tmp_path / "data/shop", N_ITEMS).v.numpy() == TABLE).all()
