"""`--engine ray`: the same runs on a cluster end as one by one here, also when a node dies on the way."""

from __future__ import annotations

import re
import sys
import threading
import time
from dataclasses import replace
from pathlib import Path

import pytest
import yaml
from interrupted_runs import differences, outcome

from mmrec_host.cli.main import main
from mmrec_host.jobs.ray_task import Sender, sees
from mmrec_host.jobs.worker import Plugins
from mmrec_host.runs.record import find_runs

MODELS = [
    "-m",
    "BPR",
    "VBPR",
    "PTMRec",
    "-d",
    "toy",
    "stage2_epochs=1",
    "kt_teacher=[base]",
    "pool_size=16",
    "epochs=6",
]

NODE = {"num_cpus": 1, "object_store_memory": 150 * 2**20, "memory": 8 * 10**9}


def words_in(folder: Path, keys, *more: str) -> list[str]:
    kept = {k: v for k, v in keys.items() if k not in ("run_path", "cache_path", "epochs")} | {"threads": 1}
    places = [f"run_path={folder}/runs", f"cache_path={folder}/cache", "checkpoint_interval=0"]
    return [*MODELS, *(f"{k}={v}".replace("'", "") for k, v in kept.items()), *places, *more]


def test_without_ray(ptmrec, monkeypatch):
    monkeypatch.setitem(sys.modules, "ray", None)
    code, _, errors = ptmrec("-m", "BPR", "-d", "toy", "--engine", "ray")
    assert code == 2 and "ray is not installed (pip install 'ptmrec[ray]')" in errors


def test_an_address_is_ray_s(ptmrec):
    code, _, errors = ptmrec("-m", "BPR", "-d", "toy", "--address", "localhost:1")
    assert code == 2 and "--address localhost:1: belongs to --engine ray" in errors


@pytest.mark.parametrize("address", ["127.0.0.1:1", "nowhere"])
def test_no_cluster_at_the_address(address, ptmrec):
    pytest.importorskip("ray")
    code, _, errors = ptmrec("-m", "BPR", "-d", "toy", "--engine", "ray", "--address", address)
    assert code == 2 and f"--address {address}: there is no Ray cluster" in errors and "ray start --head" in errors


def test_what_becomes_of_a_run_that_ray_ends():
    ray = pytest.importorskip("ray")
    from mmrec_host.config import Config
    from mmrec_host.jobs.job import Job
    from mmrec_host.jobs.on_ray import ATTEMPTS, OnRay

    class Failing:
        exceptions = ray.exceptions

        def __init__(self, error: Exception) -> None:
            self.error = error

        def get(self, ref):
            raise self.error

    def outcome_of(error: Exception, attempt: int):
        engine = OnRay.__new__(OnRay)
        engine.ray = Failing(error)
        return engine._outcome(None, Job("one", print, Config()), attempt)

    assert "ran out of memory" in outcome_of(ray.exceptions.OutOfMemoryError("killed"), 1).error
    assert outcome_of(ray.exceptions.WorkerCrashedError(), 1) is None  # is begun again
    assert f"died {ATTEMPTS} times" in outcome_of(ray.exceptions.WorkerCrashedError(), ATTEMPTS).error


def test_a_node_that_sees_the_runs_but_not_the_data_is_one_that_is_sent_them(tmp_path):
    (tmp_path / "token").touch()
    sender = Sender(tmp_path / "token", tmp_path, Plugins((), None), (tmp_path / "data",))
    assert not sees(sender)
    (tmp_path / "data").mkdir()
    assert sees(sender)


@pytest.fixture(scope="module")
def cluster():
    """Three nodes of one core on this machine; node 0 is the head."""
    pytest.importorskip("ray")
    from ray.cluster_utils import Cluster

    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("RAY_USAGE_STATS_ENABLED", "0")
        patch.setenv("RAY_raylet_start_wait_time_s", "200")
        cluster = Cluster(initialize_head=True, head_node_args={**NODE, "include_dashboard": False})
        for _ in range(2):
            cluster.add_node(**NODE)
        yield cluster
        cluster.shutdown()


def kill_one(cluster, folder: Path) -> threading.Thread:
    """Kills a node as soon as a run below the folder has trained an epoch."""

    def kill() -> None:
        deadline = time.monotonic() + 300
        while not list(folder.glob("runs/*/*/epochs.jsonl")) and time.monotonic() < deadline:
            time.sleep(0.05)
        cluster.remove_node(cluster.worker_nodes.copy().pop(), allow_graceful=False)

    killer = threading.Thread(target=kill)
    killer.start()
    return killer


@pytest.mark.slow
def test_on_three_nodes_of_which_one_dies_the_runs_end_as_one_by_one(cluster, toy_in, tmp_path, ptmrec, caplog):
    caplog.set_level("INFO")
    keys = toy_in(tmp_path)
    assert main(["-q", *words_in(tmp_path / "whole", keys, "--seeds", "2")]) == 0

    killer = kill_one(cluster, tmp_path / "ray")
    on_ray = ["--engine", "ray", "--address", cluster.address, "--seeds", "2"]
    code, out, _ = ptmrec(*words_in(tmp_path / "ray", keys, *on_ray))
    killer.join()
    assert code == 0, caplog.text
    assert out.index("\nBPR") < out.index("\nVBPR") < out.index("\nPTMRec") and len(cluster.worker_nodes) == 1
    cluster.add_node(**NODE)
    expected = outcome(tmp_path / "whole")
    assert len(expected) == 6 and not differences(expected, outcome(tmp_path / "ray"))
    assert not list((tmp_path / "ray" / "runs").glob(".*"))


@pytest.mark.slow
def test_a_study_on_three_nodes_of_which_one_dies_reports_the_same(cluster, toy_in, tmp_path, ptmrec):
    keys = toy_in(tmp_path) | {"threads": 1, "checkpoint_interval": 0}
    del keys["run_path"], keys["cache_path"]
    study = {"about": "A test.", "datasets": ["toy"], "seeds": 2, "metrics": ["recall@5"], "keys": keys}
    rows = {"BPR": {"model": "BPR"}, "VBPR": {"model": "VBPR", "against": ["BPR"]}}
    (tmp_path / "small.yaml").write_text(yaml.safe_dump(study | {"rows": rows}))

    def table(name: str, *words: str) -> str:
        places = [f"run_path={tmp_path / name}/runs", f"cache_path={tmp_path / name}/cache"]
        code, _, errors = ptmrec("study", tmp_path / "small.yaml", *places, "--output", tmp_path / name / "out", *words)
        assert code == 0, errors
        lines = (tmp_path / name / "out" / "report.md").read_text().splitlines()
        return "\n".join(line for line in lines if line.startswith("|") and not re.search(r"\d s \|", line))  # no times

    whole = table("whole")
    killer = kill_one(cluster, tmp_path / "ray")
    on_ray = table("ray", "--engine", "ray", "--address", cluster.address)
    killer.join()
    cluster.add_node(**NODE)
    assert len(outcome(tmp_path / "whole")) == 4
    assert not differences(outcome(tmp_path / "whole"), outcome(tmp_path / "ray")) and whole == on_ray


@pytest.mark.slow
def test_a_search_by_optuna_on_a_cluster(cluster, toy_in, tmp_path, monkeypatch, ptmrec):
    optuna = pytest.importorskip("optuna")
    (tmp_path / "mmrec_configs" / "model").mkdir(parents=True)
    own = "reg_weight: 0.1\nsearch: {reg_weight: {low: 0.001, high: 0.1, log: true}}\n"
    (tmp_path / "mmrec_configs" / "model" / "BPR.yaml").write_text(own)
    monkeypatch.chdir(tmp_path)
    words = ["-m", "BPR", "-d", "toy", "--search", "optuna", "--trials", "4", "--engine", "ray"]
    keys = [f"{key}={value}".replace("'", "") for key, value in toy_in(tmp_path).items()]
    code, out, errors = ptmrec(*words, *keys, "--address", cluster.address)
    assert code == 0 and "--search" not in out and "reg_weight=0.0" in out, errors
    (record,) = find_runs(tmp_path / "runs" / "searches", "toy")
    (study,) = optuna.get_all_study_summaries(f"sqlite:///{record.path}/optuna.db")
    assert study.n_trials == 4 and len(record.info["combinations"]) == 4


@pytest.mark.slow
def test_nodes_that_do_not_see_our_folders_are_sent_them_and_send_runs_back(
    cluster, toy_in, tmp_path, monkeypatch, ptmrec
):
    from mmrec_host.jobs import on_ray

    keys = toy_in(tmp_path)
    assert main(["-q", *words_in(tmp_path / "whole", keys)]) == 0
    probe = on_ray.OnRay._probe

    def hidden(self):
        self.sender = replace(self.sender, token=Path("/nowhere"))
        return probe(self)

    monkeypatch.setattr(on_ray.OnRay, "_probe", hidden)
    code, out, _ = ptmrec(*words_in(tmp_path / "ray", keys, "--engine", "ray", "--address", cluster.address))
    assert code == 0 and re.search(r"^PTMRec", out, re.M)
    assert not differences(outcome(tmp_path / "whole"), outcome(tmp_path / "ray"))
    runs = find_runs(tmp_path / "ray" / "runs", "toy")
    assert sorted(run.info["model"] for run in runs) == ["BPR", "PTMRec", "VBPR"]


@pytest.mark.slow
def test_a_run_that_no_node_is_large_enough_for(cluster, toy_in, tmp_path, monkeypatch, ptmrec):
    from mmrec_host.jobs import memory

    monkeypatch.setattr(memory, "largest_need", lambda configs: 10**15)
    words = words_in(tmp_path, toy_in(tmp_path), "--engine", "ray", "--address", cluster.address)
    code, _, errors = ptmrec(*words)
    assert code == 2 and "1000000.0 GB; the cluster's largest node has 1 cores and 8.0 GB" in errors
