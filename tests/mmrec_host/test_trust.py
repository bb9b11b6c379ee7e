"""Data folders and runs of others set names and numbers alone; paths, places and the machine are the user's."""

from __future__ import annotations

import logging
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml

import mmrec_configs
from mmrec_host.config import load_config
from mmrec_host.config_layers import STRUCTURE, find_yaml
from mmrec_host.errors import ConfigError
from mmrec_host.runs.finished_run import open_run
from mmrec_host.trust import data_keys, leads_away
from mmrec_host.yaml_values import dump, read_mapping

FOLDER = Path(mmrec_configs.__file__).parent
GROUPS = ("dataset", "encoder", "model", "peft")


def test_every_key_is_declared_once_for_data_for_runs_or_for_the_user_alone():
    declared = [key for keys in read_mapping(FOLDER / "keys.yaml").values() for key in keys]
    files = [FOLDER / "overall.yaml", *(path for group in GROUPS for path in (FOLDER / group).glob("*.yaml"))]
    there = {key for path in files for key in read_mapping(path)} - STRUCTURE
    assert len(declared) == len(set(declared))
    assert there - set(declared) == set(), "say in mmrec_configs/keys.yaml what they may be, and who may set them"
    assert set(declared) - there == set(), "no YAML file has them any more"


def test_what_leads_away_is_no_name():
    away = ["a/b", "..", "local-dir:x", "hf-hub:a", "C:weights", "a\\b", ["x", "a/b"], {"k": "/"}, "http://x"]
    names = ["ViT-B-32", "laion2b_s34b", "mmrec:BM3", "image_feat.npy", "\t", "::", None, 3, True, [0.5, "v"]]
    assert [value for value in away if not leads_away(value)] == []
    assert [value for value in names if leads_away(value)] == []


@pytest.fixture
def dataset_yaml(raw_data: Path) -> Callable[..., Path]:
    """Writes the file in which a data folder says what it is like."""

    def write(**values: object) -> Path:
        path = raw_data / "toy" / "dataset.yaml"
        path.write_text(dump(values))
        return path

    return write


def test_a_data_folder_names_its_columns_and_a_known_encoder(dataset_yaml, toy_keys):
    keys = {key: value for key, value in toy_keys.items() if key != "encoder"}
    dataset_yaml(encoder="tiny", modalities=["t"], USER_ID_FIELD="user", train_batch_size=7)
    config = load_config("VBPR", "toy", overrides={**keys, "train_batch_size": 9})
    said = {key: config[key] for key in ("encoder", "modalities", "USER_ID_FIELD", "train_batch_size")}
    assert said == {"encoder": "tiny", "modalities": ["t"], "USER_ID_FIELD": "user", "train_batch_size": 9}


NOT_ITS_OWN = {
    "encoder_model": "local-dir:model",
    "encoder_pretrained": "weights.pt",
    "encoder_builder": "open_clip",
    "run_path": "elsewhere",
    "cache_path": "elsewhere",
    "data_path": "elsewhere",
    "device": "cuda:7",
    "workers": 512,
    "save_model": False,
    "source_reviews": "http://127.0.0.1/x",
    "option_groups": {"encoder": "dataset"},
    "kinds": {"epochs": "any"},
    "tuned": {"toy": {"run_path": "elsewhere"}},
    "absent": {"epochs": 1},
    "never_heard_of": 1,
}


@pytest.mark.parametrize("key", NOT_ITS_OWN)
def test_a_data_folder_may_set_nothing_that_is_not_said_to_be_its_own(dataset_yaml, toy_keys, ptmrec, tmp_path, key):
    file = dataset_yaml(**{key: NOT_ITS_OWN[key], "feature_norm": "none"})
    places = [f"{place}={toy_keys[place]}" for place in ("data_path",)]
    code, _, said = ptmrec("-m", "VBPR", "-d", "toy", *places)
    assert code == 2 and f"{file}: a data folder may not set {key}," in said
    assert "on the command line" in said and "A data folder may set ITEM_ID_FIELD" in said
    assert not (tmp_path / "runs").exists() and not (tmp_path / "cache").exists()


@pytest.mark.parametrize(
    ("key", "value"),
    [("encoder", "../../data/toy/own"), ("inter_file_name", "../other.inter"), ("vision_feature_file", "/etc/x.npy")],
)
def test_a_data_folder_gives_names_and_no_paths(dataset_yaml, toy_keys, key, value):
    keys = {key: value for key, value in toy_keys.items() if key != "encoder"}
    file = dataset_yaml(**{key: value})
    with pytest.raises(ConfigError, match=rf"{file}: {key}={value} is a path or an address.*yourself, on the command"):
        load_config("VBPR", "toy", overrides=keys)


def test_a_data_folder_s_value_of_the_wrong_type_is_named(dataset_yaml, toy_keys):
    file = dataset_yaml(topk={"a": 1}, epochs="many")
    keys = {key: value for key, value in toy_keys.items() if key not in ("topk", "epochs")}
    with pytest.raises(ConfigError, match=rf"(?s){file}: epochs=many: must be a whole number.*{file}: topk="):
        load_config("VBPR", "toy", overrides=keys)


def test_a_name_is_no_way_out_of_the_yaml_folders(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "mmrec_configs" / "encoder").mkdir(parents=True)
    (tmp_path / "foreign.yaml").write_text("encoder_builder: open_clip\n")
    assert find_yaml("encoder", "../../foreign") is None


def test_the_current_folder_s_yaml_files_are_said_to_be_read(tmp_path, monkeypatch, caplog):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "mmrec_configs" / "dataset").mkdir(parents=True)
    (tmp_path / "mmrec_configs" / "dataset" / "toy.yaml").write_text("epochs: 7\n")
    caplog.set_level(logging.INFO)
    assert load_config("BPR", "toy")["epochs"] == 7
    assert f"settings are read from {tmp_path / 'mmrec_configs'} too" in caplog.text


@pytest.fixture
def tampered(finished, tmp_path: Path) -> Callable[..., Path]:
    """A copy of a finished run whose config.yaml says something else."""

    def copy(name: str = "VBPR", **values: object) -> Path:
        run = finished(name)
        folder = tmp_path / "copied"
        folder.mkdir()
        for file in run.iterdir():
            if file.is_file():
                (folder / file.name).write_bytes(file.read_bytes())
        recorded = yaml.safe_load((run / "config.yaml").read_text())
        (folder / "config.yaml").write_text(dump({**recorded, **values}))
        return folder

    return copy


COMMANDS = [
    ["recommend", "--user", "0"],
    ["show", "--output", "page.html"],
    ["export", "features", "--to", "features"],
    ["encode"],
]


@pytest.mark.parametrize("command", COMMANDS, ids=lambda words: words[0])
def test_a_run_that_names_an_encoder_by_path_asks_for_the_path(tampered, ptmrec, monkeypatch, tmp_path, command):
    folder = tampered(encoder_model="local-dir:model", encoder_pretrained="/x/weights.pt")
    monkeypatch.chdir(tmp_path)
    code, _, said = ptmrec(*command, "--run", folder)
    file = folder / "config.yaml"
    assert code == 2 and f"{file}: encoder_pretrained=/x/weights.pt is a path" in said
    assert f"{file}: encoder_model=local-dir:model is a path" in said
    assert "give encoder_model=… yourself, on the command line" in said


def test_a_path_that_is_given_is_taken_and_so_is_one_in_the_user_s_own_files(tampered, monkeypatch, tmp_path):
    folder, weights = tampered(vision_feature_file="a/b.npy"), {"vision_feature_file": "a/b.npy"}
    assert open_run(folder, **weights).config["vision_feature_file"] == "a/b.npy"
    (tmp_path / "mmrec_configs" / "dataset").mkdir(parents=True)
    (tmp_path / "mmrec_configs" / "dataset" / "toy.yaml").write_text(dump(weights))
    monkeypatch.chdir(tmp_path)
    assert open_run(folder).config["vision_feature_file"] == "a/b.npy"
    with pytest.raises(ConfigError, match="epochs: a finished run keeps its settings"):
        open_run(folder, epochs=1)


def test_a_run_sets_no_place_that_is_not_there_and_nothing_of_the_machine(tampered, monkeypatch, tmp_path, caplog):
    caplog.set_level(logging.INFO)
    folder = tampered("BPR", cache_path=str(tmp_path / "theirs"), run_path="/theirs", device="cuda:9", workers=99)
    config = open_run(folder).config
    said = {key: config[key] for key in ("cache_path", "run_path", "workers", "resume")}
    assert said == {"cache_path": "cache", "run_path": "runs", "workers": None, "resume": False}
    assert str(config["device"]) != "cuda:9"
    assert f"{folder / 'config.yaml'}: cache_path={tmp_path / 'theirs'} has no toy; cache is taken" in caplog.text
    assert not (tmp_path / "theirs").exists()


def test_a_run_s_own_data_and_cache_are_found_where_they_were(finished, served):
    config = open_run(finished("VBPR")).config
    assert (config["data_path"], config["cache_path"]) == (str(served / "data"), str(served / "cache"))


def test_keys_that_nobody_knows_are_left_out(tampered, caplog):
    folder = tampered("tuned", peft_megatron_core="os", rank=3)
    assert "peft_megatron_core" not in open_run(folder).config
    assert "left out, as no YAML file here knows them: peft_megatron_core, rank" in caplog.text


@pytest.mark.parametrize(
    ("key", "value", "message"),
    [
        ("epochs", "many", "epochs=many: must be a whole number"),
        ("embedding_size", 0, "embedding_size=0: must be a whole number, 1 to 65536"),
        ("dataset", "../toy", "dataset='../toy': must be a name"),
        ("model", ["VBPR"], "must be a name"),
        ("encoder", "../x", "encoder='../x' is unknown"),
    ],
)
def test_a_run_s_wrong_value_is_named(tampered, key, value, message):
    folder = tampered(**{key: value})
    with pytest.raises(ConfigError) as error:
        open_run(folder)
    assert str(folder / "config.yaml") in str(error.value) and message in str(error.value)


def test_data_may_set_nothing_that_names_code_or_places():
    assert not data_keys() & {"encoder_model", "encoder_pretrained", "encoder_builder", "data_path", "dataset_maker"}
