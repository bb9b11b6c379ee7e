"""`--engine ray`: the same runs on a cluster end as one by one here, also when a node dies on the way."""

from __future__ import annotations

import re
import sys
import threading
import time
from dataclasses import replace
from pathlib import Path

import pytest
from interrupted_runs import differences, outcome

from mmrec_host.cli.main import main
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


@pytest.fixture(scope="module")
def cluster():
    """Three nodes of one core on this machine; node 0 is the head."""
    pytest.importorskip("ray")
    from ray.cluster_utils import Cluster

    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("RAY_USAGE_STATS_ENABLED", "0")
        patch.setenv("RAY_raylet_start_wait_time_s", "200")
        small = {"num_cpus": 1, "object_store_memory": 150 * 2**20, "memory": 8 * 10**9}
        cluster = Cluster(initialize_head=True, head_node_args={**small, "include_dashboard": False})
        for _ in range(2):
            cluster.add_node(**small)
        yield cluster
        cluster.shutdown()


@pytest.mark.slow
def test_on_three_nodes_of_which_one_dies_the_runs_end_as_one_by_one(cluster, toy_in, tmp_path, ptmrec, caplog):
    caplog.set_level("INFO")
    keys = toy_in(tmp_path)
    assert main(["-q", *words_in(tmp_path / "whole", keys, "--seeds", "2")]) == 0

    def kill_one() -> None:
        deadline = time.monotonic() + 300
        while not list((tmp_path / "ray").glob("runs/*/*/epochs.jsonl")) and time.monotonic() < deadline:
            time.sleep(0.05)
        cluster.remove_node(cluster.worker_nodes.copy().pop(), allow_graceful=False)

    killer = threading.Thread(target=kill_one)
    killer.start()
    on_ray = ["--engine", "ray", "--address", cluster.address, "--seeds", "2"]
    code, out, _ = ptmrec(*words_in(tmp_path / "ray", keys, *on_ray))
    killer.join()
    assert code == 0, caplog.text
    assert out.index("\nBPR") < out.index("\nVBPR") < out.index("\nPTMRec") and len(cluster.worker_nodes) == 1
    expected = outcome(tmp_path / "whole")
    assert len(expected) == 6 and not differences(expected, outcome(tmp_path / "ray"))
    assert not list((tmp_path / "ray" / "runs").glob(".*"))


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
