"""Layers, overrides and their errors."""

from __future__ import annotations

from pathlib import Path

import pytest

from mmrec_host.config import known_keys, load_config, parse_overrides
from mmrec_host.config_layers import find_yaml, read_layer
from mmrec_host.errors import ConfigError
from mmrec_host.models.base import MODELS
from mmrec_host.yaml_values import parse_value


@pytest.mark.parametrize(
    "text, value",
    [
        ("1e-4", 1e-4),
        ("1e4", 1e4),
        (".5", 0.5),
        ("7", 7),
        ("-3", -3),
        ("[1e-3, b]", [1e-3, "b"]),
        ("true", True),
        ("null", None),
        ("v1e", "v1e"),
    ],
)
def test_values_are_what_their_reader_means(text, value):
    parsed = parse_value(text)
    assert parsed == value and type(parsed) is type(value)


def test_yaml_cannot_run_code():
    with pytest.raises(ConfigError):
        parse_value("!!python/object/apply:os.system ['true']")


def test_command_line_wins_over_file_over_model_over_dataset_over_overall(tmp_path: Path):
    file = tmp_path / "mine.yaml"
    file.write_text("learning_rate: 0.5\nseed: 3\n")
    plain = load_config("VBPR", "mini")
    mine = load_config("VBPR", "mini", overrides={"seed": 4}, files=[file])
    assert plain["encoder"] == "offline"  # mini.yaml over overall.yaml
    assert plain["reg_weight"] is not None  # VBPR.yaml
    assert (mine["learning_rate"], mine["seed"]) == (0.5, 4)
    assert mine.overrides == {"learning_rate": 0.5, "seed": 4}


def test_a_whole_number_may_be_written_with_an_exponent():
    epochs = load_config("BPR", "mini", overrides={"epochs": parse_value("1e2")})["epochs"]
    assert epochs == 100 and isinstance(epochs, int)


def test_runs_are_labelled_by_what_was_changed():
    config = load_config("VBPR", "mini", overrides={"modalities": ["t"], "seed": 5, "cold_items": 0.2})
    assert config.label() == "VBPR modalities=[t]"
    assert load_config("VBPR", "mini", overrides={"shuffle_features": True}).label() == "VBPR shuffle_features=true"


def test_a_missing_key_reads_as_none_as_in_mmrec():
    config = load_config("BPR", "mini")
    assert config["no_such_key"] is None and "no_such_key" not in config


def test_all_errors_come_together_with_the_nearest_key():
    with pytest.raises(ConfigError) as caught:
        load_config("VBPR", "mini", overrides={"learning_rat": 1, "epochs": "many", "encoder": "vit-b-23"})
    message = str(caught.value)
    assert "vit-b-32" in message
    with pytest.raises(ConfigError) as caught:
        load_config("VBPR", "mini", overrides={"learning_rat": 1, "epochs": "many"})
    message = str(caught.value)
    assert "'learning_rate'" in message and "epochs=many" in message


def test_option_groups_bring_the_keys_of_base_and_variant():
    MODELS.get("PTMRec")
    on_vbpr = known_keys("PTMRec", "mini", {})
    on_freedom = known_keys("PTMRec", "mini", {"base": "FREEDOM"})
    assert "peft_r" in on_vbpr and "knn_k" not in on_vbpr and "knn_k" in on_freedom


def test_a_key_of_one_model_is_addressed_by_its_name():
    parsed = parse_overrides(["PTMRec.epochs=5", "seed=1"], ["PTMRec", "VBPR"])
    assert parsed == {None: {"seed": 1}, "PTMRec": {"epochs": 5}}
    with pytest.raises(ConfigError, match="LATTICE"):
        parse_overrides(["LATTICE.epochs=5"], ["PTMRec", "VBPR"])


def test_mmrec_lists_become_a_search(tmp_path: Path):
    path = tmp_path / "BM3.yaml"
    path.write_text("n_layers: [1, 2]\nreg_weight: [0.1, 0.01]\nhyper_parameters: [n_layers, reg_weight]\n")
    layer = read_layer(path)
    assert layer.values == {"n_layers": 1, "reg_weight": 0.1}
    assert layer.search == {"n_layers": [1, 2], "reg_weight": [0.1, 0.01]}
    path.write_text("n_layers: 1\nhyper_parameters: [n_layers]\n")
    with pytest.raises(ConfigError, match="must be a list"):
        read_layer(path)


def test_tuned_values_of_a_dataset_win_in_their_layer(tmp_path: Path):
    path = tmp_path / "m.yaml"
    path.write_text("reg_weight: 1.0\ntuned: {baby: {reg_weight: 0.1}}\n")
    assert read_layer(path, "baby").values == {"reg_weight": 0.1}
    assert read_layer(path, "sports").values == {"reg_weight": 1.0}


def test_settings_digest_ignores_the_seed_and_where_things_lie():
    a = load_config("BPR", "mini", overrides={"seed": 1, "run_path": "a"})
    b = load_config("BPR", "mini", overrides={"seed": 2, "run_path": "b"})
    c = load_config("BPR", "mini", overrides={"reg_weight": 0.123})
    assert a.settings_sha() == b.settings_sha() != c.settings_sha()


def test_settings_compare_by_value_however_it_is_written():
    def written(**values):
        config = load_config("LATTICE", "mini", overrides={key: parse_value(text) for key, text in values.items()})
        return config.settings_sha(), config.label()

    texts = {
        "reg_weight": ("0", "0.0"),
        "lambda_coeff": ("1", "1.0"),
        "clip_grad_norm": ("5", "5.0"),
        "n_layers": ("2", "2e0"),
    }
    for key, (one, other) in texts.items():
        assert written(**{key: one}) == written(**{key: other})
    schedules = [written(learning_rate_scheduler=text) for text in ("[1, 50]", "[1.0, 50.0]", "[0.9, 50]")]
    assert schedules[0] == schedules[1] != schedules[2]
    assert load_config("LATTICE", "mini", overrides={"reg_weight": 0}).settings()["reg_weight"] == 0
    assert written(reg_weight="0")[0] != written(reg_weight="1")[0]


@pytest.mark.parametrize(
    "model", sorted({"BPR", "ItemKNN", "LightGCN", "VBPR", "LATTICE", "FREEDOM", "Content", "PTMRec"})
)
def test_every_search_key_is_a_key_of_its_model(model):
    MODELS.get(model)
    config = load_config(model, "mini")
    assert find_yaml("model", model) is not None
    assert set(config.search) <= set(config) and config.search


@pytest.mark.parametrize(
    "text, message",
    [
        ("dropout: 0.1\nhyper_parameters: [dropout]\n", "'dropout' stands under hyper_parameters.*a list"),
        ("dropout: []\nhyper_parameters: [dropout]\n", "'dropout' stands under hyper_parameters.*a list"),
        ("dropout: [0.1]\nhyper_parameters: dropout\n", "hyper_parameters must be a list of keys, not dropout"),
    ],
)
def test_a_grid_of_mmrec_that_is_none_is_an_error(tmp_path, text, message):
    (tmp_path / "M.yaml").write_text(text)
    with pytest.raises(ConfigError, match=message):
        read_layer(tmp_path / "M.yaml")


def test_a_grid_may_name_keys_of_other_layers_and_begin_with_a_whole_number(tmp_path, monkeypatch):
    folder = tmp_path / "mmrec_configs" / "model"
    folder.mkdir(parents=True)
    (folder / "M.yaml").write_text("reg: [0, 0.1]\nhyper_parameters: [reg, seed]\n")
    monkeypatch.chdir(tmp_path)
    config = load_config("M", "toy", overrides={"reg": 0.5})
    assert config["reg"] == 0.5 and config["seed"] == 999 and config.search == {"reg": [0, 0.1]}
