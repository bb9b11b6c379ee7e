"""`--search optuna`: samples of a model's space, by validation alone, that go on where they were."""

from __future__ import annotations

import pytest
from interrupted_runs import Interrupted, interrupt_after

optuna = pytest.importorskip("optuna")

from mmrec_host.config import load_config
from mmrec_host.errors import ConfigError, DataError
from mmrec_host.jobs.in_processes import InProcesses
from mmrec_host.jobs.job import InThisProcess
from mmrec_host.jobs.worker import Plugins
from mmrec_host.reporting.searches import search_table
from mmrec_host.runs.record import find_runs
from mmrec_host.searching.grid import grid_search
from mmrec_host.searching.sampled import sampled_search
from mmrec_host.searching.storage import open_study

SPACE = {
    "reg_weight": {"low": 1e-5, "high": 1e-1, "log": True},
    "embedding_size": [8, 16],
    "epochs": {"low": 2, "high": 4},
}


@pytest.fixture
def keys(toy_keys):
    return {**toy_keys, "learning_rate": 0.01, "checkpoint_interval": 0, "resume": True, "threads": 1}


def config_of(keys, **changes):
    config = load_config("BPR", "toy", overrides={**keys, **changes})
    config.search = SPACE
    for key in SPACE:
        config.overrides.pop(key, None)
    return config


def search(config, n_trials=5, pruner="none", n_jobs=1):
    engine = InProcesses(n_jobs, Plugins((), None)) if n_jobs > 1 else InThisProcess()
    with engine:
        return sampled_search(config, n_trials, pruner, engine)


def without_seconds(ranked):
    return [{key: value for key, value in each.items() if key != "seconds"} for each in ranked]


def test_samples_are_of_the_space_ranked_by_validation_and_in_optuna_s_storage(keys):
    config = config_of(keys)
    ranked = search(config)
    assert [each["number"] for each in sorted(ranked, key=lambda each: each["number"])] == [1, 2, 3, 4, 5]
    for each in ranked:
        values = each["values"]
        assert 1e-5 <= values["reg_weight"] <= 1e-1 and values["embedding_size"] in (8, 16)
        assert values["epochs"] in (2, 3, 4) and each["score"] == each["valid"]["recall@20"]
    assert [each["score"] for each in ranked] == sorted((each["score"] for each in ranked), reverse=True)
    record = find_runs(f"{keys['run_path']}/searches", "toy")[0]
    stored = open_study(record.path / "optuna.db", "none")
    assert stored.best_value == ranked[0]["score"] and len(stored.trials) == 5
    assert "test" not in record.info and not list(record.path.glob("resume*"))
    assert f"embedding_size={ranked[0]['values']['embedding_size']}" in search_table(config, ranked).notes[0]


def test_an_interrupted_search_goes_on_to_the_same_end_and_then_to_more(keys, tmp_path, monkeypatch):
    whole = search(config_of(keys, run_path=str(tmp_path / "whole")))
    broken = config_of(keys, run_path=str(tmp_path / "broken"))
    with monkeypatch.context() as patch, pytest.raises(Interrupted):
        interrupt_after(patch, 7)  # within a trial
        search(broken)
    assert without_seconds(search(broken)) == without_seconds(whole)
    with monkeypatch.context() as patch:
        interrupt_after(patch, 0)
        search(broken)  # nothing is left to do
    more = search(broken, n_trials=6)
    assert len(more) == 6 and all(each in without_seconds(more) for each in without_seconds(whole))
    assert len(find_runs(tmp_path / "broken" / "searches", "toy")) == 1


def test_two_trials_at_a_time(keys):
    ranked = search(config_of(keys), n_trials=4, pruner="median", n_jobs=2)
    assert sorted(each["number"] for each in ranked) == [1, 2, 3, 4] and ranked[0]["score"] > 0


def test_a_trial_that_does_badly_is_broken_off(keys):
    config = config_of(keys, epochs=5)
    config.search = {"reg_weight": SPACE["reg_weight"]}
    search(config, n_trials=1, pruner="median")
    record = find_runs(f"{keys['run_path']}/searches", "toy")[0]
    study = open_study(record.path / "optuna.db", "median")
    (first,) = study.trials
    assert list(first.intermediate_values) == [1, 2, 3, 4, 5]
    perfect = {"params": first.params, "distributions": first.distributions, "value": 1.0}
    for _ in range(6):
        study.add_trial(optuna.trial.create_trial(**perfect, intermediate_values=dict.fromkeys(range(1, 6), 1.0)))
    ranked = search(config, n_trials=8, pruner="median")
    assert [(each["number"], each.get("phase")) for each in ranked] == [(1, "train"), (8, "pruned")]
    assert ranked[1]["score"] is None and ranked[1]["error"] == "pruned after epoch 3 of train"
    assert study.trials[7].state == optuna.trial.TrialState.PRUNED
    assert [cell.value for cell in search_table(config, ranked).rows[1]][1:4] == [None, "pruned", 3]


def garbled(content: bytes) -> bytes:
    """With all pages but the first overwritten."""
    return content[:4096] + b"\xff" * (len(content) - 4096)


@pytest.mark.parametrize("damaged", [lambda content: b"no database" * 1000, lambda content: b"", garbled])
def test_a_damaged_storage_is_a_message_and_nothing_is_lost(damaged, keys, monkeypatch):
    with monkeypatch.context() as patch, pytest.raises(Interrupted):
        interrupt_after(patch, 7)
        search(config_of(keys))
    record = find_runs(f"{keys['run_path']}/searches", "toy")[0]
    good = (record.path / "optuna.db").read_bytes()
    (record.path / "optuna.db").write_bytes(damaged(good))
    with pytest.raises(DataError, match="optuna.db: cannot be read as Optuna's storage .*--resume"):
        search(config_of(keys))
    (record.path / "optuna.db").write_bytes(good)
    assert len(search(config_of(keys))) == 5


def test_a_grid_has_no_ranges(keys):
    with pytest.raises(ConfigError, match="search: reg_weight, epochs: a range is no grid.*--search optuna"):
        grid_search(config_of(keys))


def test_ranges_of_a_yaml_file_of_one_s_own_are_checked_and_sampled(keys, tmp_path, monkeypatch, ptmrec):
    (tmp_path / "mmrec_configs" / "model").mkdir(parents=True)
    file = tmp_path / "mmrec_configs" / "model" / "BPR.yaml"
    monkeypatch.chdir(tmp_path)
    words = ["-q", "-m", "BPR", "-d", "toy", "--search", "optuna", "--trials", "1"]
    words += [f"{key}={value}".replace("'", "") for key, value in keys.items()]
    file.write_text("reg_weight: 0.1\nsearch: {reg_weight: {low: -1, high: 1}}\n")
    code, _, errors = ptmrec(*words)
    assert code == 2 and "BPR.yaml: search: reg_weight=-1: must be" in errors
    file.write_text("reg_weight: 0.1\nsearch: {reg_weight: {low: 0.01, high: 0.1, log: true}}\n")
    code, out, _ = ptmrec(*words)
    assert code == 0 and "reg_weight=0.0" in out
