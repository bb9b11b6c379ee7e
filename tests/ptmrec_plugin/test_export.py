"""What `ptmrec encode` and `ptmrec export` leave: a full cache, MMRec's features, vectors, adapters that load."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from mmrec_checkout import HOME, needs_mmrec
from peft import PeftModel
from raw_dataset import N_ITEMS, N_USERS, write_dataset

from feature_cache import Store, describe
from mmrec_host.config import load_config
from mmrec_host.quick_start import quick_start
from mmrec_host.runs.finished_run import open_run
from ptmrec_plugin.encoders.build import build_encoder
from ptmrec_plugin.encoders.unfuse import unfuse
from ptmrec_plugin.export.model_card import card_files
from ptmrec_plugin.items.item_encoder import ItemEncoder
from ptmrec_plugin.items.run_encoding import of_run
from ptmrec_plugin.items.tuned_encoder import tuned_encoder

ROOT = Path(__file__).parents[2]


def read(folder: Path) -> dict[str, np.ndarray]:
    return {m: np.load(folder / name) for m, name in (("v", "image_feat.npy"), ("t", "text_feat.npy"))}


def test_exported_features_are_the_tuned_tables_and_other_models_train_on_them(finished, ptmrec, served, tmp_path):
    run = open_run(finished("tuned"))
    shutil.copytree(served / "data/toy", tmp_path / "data/toy")
    assert ptmrec("export", "features", "--run", run.record.path, "--to", tmp_path / "data/toy")[0] == 0
    for modality, table in read(tmp_path / "data/toy").items():
        assert table.dtype == np.float32 and table.shape == tuple(run.item_features()[modality].shape)
        np.testing.assert_array_equal(table, run.item_features()[modality])
        assert not np.array_equal(table, run.loader.features.tables()[modality])
    places = {f"{key}_path": str(tmp_path / key) for key in ("data", "run", "cache")}
    small = {"features": "files", "epochs": 1, "device": "cpu", "progress": False, "topk": [20]}
    done = quick_start("FREEDOM", "toy", {**places, **small, "trainable_features": False})
    torch.testing.assert_close(done.model.v_feat, run.item_features()["v"], rtol=0, atol=0)


def test_frozen_features_come_from_a_dataset_or_a_run_alike(finished, ptmrec, served, tmp_path):
    keys = ["encoder=tiny", f"data_path={served / 'data'}", f"cache_path={served / 'cache'}", "device=cpu"]
    assert ptmrec("export", "features", "-d", "toy", "--to", tmp_path / "a", *keys)[0] == 0
    assert ptmrec("export", "features", "--run", finished("VBPR"), "--to", tmp_path / "b")[0] == 0
    for modality, table in read(tmp_path / "a").items():
        np.testing.assert_array_equal(table, read(tmp_path / "b")[modality])
    code, _, err = ptmrec("export", "features", "--run", finished("BPR"), "--to", tmp_path / "c")
    assert code == 2 and "BPR reads no item features" in err


def test_nothing_is_replaced_unless_forced_and_stale_item_graphs_are_named(finished, ptmrec, tmp_path, caplog):
    words = ["export", "features", "--run", finished("tuned"), "--to", tmp_path]
    (tmp_path / "text_feat.npy").write_text("mine")
    (tmp_path / "mm_adj_freedomdsp_10_1.pt").write_text("a graph")
    code, _, err = ptmrec(*words)
    assert code == 2 and "text_feat.npy" in err and "--force" in err
    assert (tmp_path / "text_feat.npy").read_text() == "mine" and not (tmp_path / "image_feat.npy").exists()
    assert ptmrec(*words, "--force")[0] == 0 and len(read(tmp_path)["t"]) == N_ITEMS
    assert "mm_adj_freedomdsp_10_1.pt" in caplog.text and (tmp_path / "mm_adj_freedomdsp_10_1.pt").exists()


@pytest.mark.parametrize("name", ["BPR", "FREEDOM", "tuned FREEDOM"])
def test_products_of_exported_vectors_are_the_scores(name, finished, ptmrec, tmp_path):
    assert ptmrec("export", "vectors", "--run", finished(name), "--to", tmp_path)[0] == 0
    users, items = np.load(tmp_path / "user_vectors.npy"), np.load(tmp_path / "item_vectors.npy")
    run = open_run(finished(name))
    scores = run.model.full_sort_predict([torch.arange(N_USERS), torch.empty(2, 0)]).detach()
    np.testing.assert_allclose(users @ items.T, scores, atol=1e-5)
    assert (tmp_path / "u_id_mapping.csv").read_text().splitlines()[:2] == ["user_id\tuserID", "U0\t0"]


def test_parquet_has_ids_titles_and_the_same_vectors(finished, ptmrec, tmp_path):
    parquet = pytest.importorskip("pyarrow.parquet")
    words = ["export", "vectors", "--run", finished("VBPR"), "--to", tmp_path]
    assert ptmrec(*words)[0] == ptmrec(*words, "--format", "parquet")[0] == 0
    items = parquet.read_table(tmp_path / "item_vectors.parquet").to_pydict()
    assert items["item"] == list(range(N_ITEMS)) and items["item_id"][3] == "4" and items["title"][3] == "item 3"
    np.testing.assert_array_equal(np.float32(items["vector"]), np.load(tmp_path / "item_vectors.npy"))
    users = parquet.read_table(tmp_path / "user_vectors.parquet").to_pydict()
    assert users["user_id"][5] == "U5" and len(users["vector"]) == N_USERS


def test_parquet_without_pyarrow_says_what_to_install(finished, ptmrec, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    code, _, err = ptmrec("export", "vectors", "--run", finished("BPR"), "--to", tmp_path, "--format", "parquet")
    assert code == 2 and "ptmrec[tables]" in err and list(tmp_path.iterdir()) == []


def snippet(card: str) -> str:
    return re.search(r"```python\n(.*?)```", card, re.DOTALL)[1]


@pytest.mark.parametrize("name", ["tuned", "tuned, own variant"])
def test_the_card_says_what_was_trained_and_its_snippet_loads_it(name, finished, ptmrec, tmp_path, monkeypatch):
    run = open_run(finished(name))
    assert ptmrec("export", "adapter", "--run", run.record.path, "--to", tmp_path)[0] == 0
    card = (tmp_path / "README.md").read_text()
    tuned = tuned_encoder(run)
    for said in (tuned.encoder.identity["weights"], "toy", f"{run.record.info['test']['recall@20']:.4f}", "## Licence"):
        assert said in card
    assert str(tmp_path.parent) not in card + (tmp_path / "settings.yaml").read_text()
    monkeypatch.chdir(tmp_path)
    scope: dict = {}
    exec(snippet(card), scope)  # noqa: S102
    tokens = tuned.encoder.tokens(["a red mug"])
    torch.testing.assert_close(scope["features"], tuned.encode("t", tokens), atol=1e-3, rtol=1e-2)
    assert not torch.allclose(scope["features"], build_encoder(run.config).encode("t", tokens), atol=1e-3, rtol=1e-2)


@pytest.mark.parametrize("name", ["tuned", "tuned, own variant"])
def test_a_run_s_own_adapter_has_a_card_and_settings_that_load_it(name, finished, monkeypatch):
    run = open_run(finished(name))
    monkeypatch.chdir(run.record.path / "adapter")
    card = Path("README.md").read_text()
    best, test = run.record.info["best"], run.record.info["test"]
    for said in (
        f"| recall@20 | {best['valid']['recall@20']:.4f} | {test['recall@20']:.4f} |",
        f"users {N_USERS}",
        "## Licence",
    ):
        assert said in card
    assert "More Information Needed" not in card and "not this adapter's" not in card
    scope: dict = {}
    exec(snippet(card), scope)  # noqa: S102
    tuned = tuned_encoder(run)
    expected = tuned.encode("t", tuned.encoder.tokens(["a red mug"]))
    torch.testing.assert_close(scope["features"], expected, atol=1e-3, rtol=1e-2)
    info = {**run.record.info, "best": {**best, "phase": "stage1"}}
    assert "not this adapter's" in card_files(run.config, info, {}, Path.cwd())["README.md"]


def test_peft_alone_loads_the_adapter_on_the_unfused_model(finished, ptmrec, tmp_path):
    run = open_run(finished("tuned"))
    assert ptmrec("export", "adapter", "--run", run.record.path, "--to", tmp_path / "lora")[0] == 0
    encoder = build_encoder(run.config)
    PeftModel.from_pretrained(unfuse(encoder.model), str(tmp_path / "lora")).eval()
    items = ItemEncoder(run.config, run.dataset.folder, N_ITEMS)
    with torch.no_grad():
        for modality, table in run.item_features().items():
            pooled = encoder.encode(modality, items.inputs(encoder, modality, np.arange(N_ITEMS)))
            torch.testing.assert_close(items.transform(modality)(pooled), table, atol=5e-3, rtol=1e-2)


def test_a_run_that_ended_in_frozen_features_has_no_adapter(finished, ptmrec, tmp_path):
    code, _, err = ptmrec("export", "adapter", "--run", finished("frozen"), "--to", tmp_path)
    assert code == 2 and "no tuned adapter" in err and list(tmp_path.iterdir()) == []


def test_encode_fills_the_cache_that_training_reads(ptmrec, served, tmp_path, monkeypatch):
    keys = {"encoder": "tiny", "data_path": str(served / "data"), "cache_path": str(tmp_path), "device": "cpu"}
    code, out, _ = ptmrec("encode", "-d", "toy", *(f"{k}={v}" for k, v in keys.items()))
    assert code == 0 and f"image: {N_ITEMS} items" in out and "frozen" in out
    monkeypatch.setattr("ptmrec_plugin.encoders.dual.DualEncoder.encode", lambda *_: 1 / 0)
    config = load_config("VBPR", "toy", overrides=keys)
    ItemEncoder(config, served / "data/toy", N_ITEMS).pooled("v")


@pytest.mark.parametrize("name", ["tuned", "tuned, own variant"])
def test_a_run_encodes_its_items_as_it_scored_them_under_a_fingerprint_of_the_adapter(name, finished, ptmrec, served):
    code, out, _ = ptmrec("encode", "--run", finished(name))
    run = open_run(finished(name))
    encoding = of_run(run, None, {})
    assert code == 0 and encoding.tuned.digest in out
    for modality, table in run.item_features().items():
        torch.testing.assert_close(encoding.features(modality), table, atol=1e-4, rtol=1e-3)
    held = [s for s in describe(Store(served / "cache/toy")) if s.fields.get("adapter") == encoding.tuned.digest]
    assert len(held) == 2 and all(s.complete for s in held)


def test_a_runs_encoder_encodes_another_dataset(finished, ptmrec, served):
    write_dataset(served / "data", "other", seed=1)
    code, out, _ = ptmrec("export", "features", "--run", finished("tuned"), "-d", "other", "--to", served / "other")
    assert code == 0
    for modality, table in read(served / "other").items():
        assert table.shape == tuple(open_run(finished("tuned")).item_features()[modality].shape)
    held = describe(Store(served / "cache/other"))
    assert sum("adapter" in s.fields for s in held) == 2


def test_encode_asks_for_a_dataset_or_a_run_and_refuses_features_from_files(finished, ptmrec, tmp_path, served):
    code, _, err = ptmrec("encode")
    assert code == 2 and "-d NAME" in err
    shutil.copytree(served / "data/toy", tmp_path / "data/toy")
    assert ptmrec("export", "features", "--run", finished("tuned"), "--to", tmp_path / "data/toy")[0] == 0
    places = {f"{key}_path": str(tmp_path / key) for key in ("data", "run", "cache")}
    small = {"features": "files", "epochs": 1, "device": "cpu", "progress": False, "topk": [20]}
    run = quick_start("VBPR", "toy", {**places, **small}).record.path
    for words in (["encode"], ["recommend", "--text", "a red shoe"]):
        code, _, err = ptmrec(*words, "--run", run)
        assert code == 2 and "features=files" in err


@needs_mmrec
def test_a_checkouts_own_freedom_runs_on_exported_features(finished, ptmrec, tmp_path):
    """With smaller keys: on 50 items or fewer MMRec's largest topk fails."""
    pytest.importorskip("pandas")
    home = tmp_path / "MMRec"
    subprocess.run(["git", "clone", "--quiet", str(HOME), str(home)], check=True)
    run = open_run(finished("tuned"))
    data = home / "data/baby"
    data.mkdir(parents=True)
    shutil.copy(run.dataset.folder / "toy.inter", data / "baby.inter")
    with (home / "src/configs/model/FREEDOM.yaml").open("a") as file:
        file.write("\nepochs: 2\ntopk: [5, 20]\ndropout: 0.8\nreg_weight: [1e-3]\nhyper_parameters: [reg_weight]\n")
    logs = []
    for force, source in (([], ["--run", run.record.path]), (["--force"], ["--run", finished("VBPR")])):
        assert ptmrec("export", "features", *source, "--to", data, *force)[0] == 0
        command = [sys.executable, str(ROOT / "main.py"), "run-mmrec", "--mmrec-home", str(home)]
        environment = os.environ | {"OMP_NUM_THREADS": "1"}
        done = subprocess.run(
            [*command, "--", "-m", "FREEDOM", "-d", "baby"], capture_output=True, text=True, env=environment
        )
        assert done.returncode == 0, done.stderr[-4000:]
        logs.append(re.findall(r"recall@20: [\d.]+", done.stdout + done.stderr))
        next(data.glob("mm_adj_freedomdsp_*.pt")).unlink()  # the item graph of these features
    assert logs[0] and logs[1] and logs[0] != logs[1]


def test_a_file_is_no_folder_to_export_to(finished, ptmrec, tmp_path):
    (tmp_path / "taken").write_text("mine")

    code, _, errors = ptmrec("export", "vectors", "--run", finished("BPR"), "--to", tmp_path / "taken")

    assert code == 2 and "must be a folder" in errors and (tmp_path / "taken").read_text() == "mine"
