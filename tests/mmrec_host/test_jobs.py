"""Several runs at a time: they end as one after another would, and whatever happens to one is none of the others'."""

from __future__ import annotations

import logging
import os
import re
import signal
import subprocess
import sys
import threading
import time
from multiprocessing import forkserver
from pathlib import Path

import psutil
import pytest
from interrupted_runs import differences, outcome

import mmrec_configs
from mmrec_host.config import Config
from mmrec_host.errors import ConfigError
from mmrec_host.jobs import in_processes, memory, number
from mmrec_host.jobs.in_processes import DIED, InProcesses
from mmrec_host.jobs.job import Job
from mmrec_host.jobs.worker import Plugins, own_gpu
from mmrec_host.runs.record import find_runs
from mmrec_host.waiting import alone

ROOT = Path(__file__).parents[2]
BROKEN = '''
import warnings
from mmrec_host.models.base import MODELS
from mmrec_host.models.bpr import BPR

@MODELS.register("Broken")
class Broken(BPR):
    """Fails."""

    def calculate_loss(self, interaction):
        raise RuntimeError("out of order")
'''
WAITING = '''
import os, time
from mmrec_host.models.base import MODELS
from mmrec_host.models.bpr import BPR

class Waiting(BPR):
    """After six batches it waits for a file."""

    defaults = {"reg_weight": 0.01}
    n = 0

    def calculate_loss(self, interaction):
        self.n += 1
        while self.n > 6 and not os.path.exists(GATE):
            time.sleep(0.05)
        return super().calculate_loss(interaction)

MODELS.register("One")(type("One", (Waiting,), {"__doc__": "One."}))
MODELS.register("Two")(type("Two", (Waiting,), {"__doc__": "Two."}))
'''
ALL = [
    "-m",
    "PTMRec",
    "Broken",
    "BPR",
    "VBPR",
    "peft=[adapter,side]",
    "stage2_epochs=1",
    "kt_teacher=[base]",
    "pool_size=16",
]
NO_PLUGINS = Plugins((), None)


@pytest.fixture(scope="module")
def home(toy_in, tmp_path_factory):
    """A folder with the toy data and a broken model."""
    folder = tmp_path_factory.mktemp("jobs")
    keys = toy_in(folder) | {"threads": 1, "learning_rate": 0.01}
    (folder / "broken.py").write_text(BROKEN)
    return folder, [f"{k}={v}".replace("'", "") for k, v in keys.items() if k not in ("run_path", "cache_path")]


def words_in(folder: Path, home, *more: str) -> list[str]:
    """A command line whose runs and cache lie in `folder`."""
    places = [f"run_path={folder}/runs", f"cache_path={folder}/cache"]
    return ["-d", "toy", "--plugin", str(home[0] / "broken.py"), *home[1], *places, *more]


def test_two_at_a_time_end_as_one_by_one_and_share_what_they_build_on(home, ptmrec, tmp_path, caplog):
    assert ptmrec("-q", *ALL, *words_in(tmp_path / "serial", home))[0] == 1
    one_by_one = outcome(tmp_path / "serial")
    caplog.set_level(logging.INFO)
    code, out, errors = ptmrec(*ALL, *words_in(tmp_path, home, "--jobs", "2"))
    assert code == 1 and re.search(r"\d/5  Broken .*: failed: RuntimeError: out of order", caplog.text)
    assert 'raise RuntimeError("out of order")' in errors and caplog.text.count(": finished in") == 4
    assert out.index("\nPTMRec") < out.index("\nBPR") < out.index("\nVBPR")
    assert len(one_by_one) == 4 and not differences(one_by_one, outcome(tmp_path))
    assert sorted(run.info["model"] for run in find_runs(tmp_path / "runs", "toy")) == [
        "BPR", "Broken", "PTMRec", "PTMRec", "VBPR"
    ]  # fmt: skip


@pytest.mark.parametrize("sent", [signal.SIGKILL, signal.SIGINT])
def test_stopped_or_killed_it_leaves_no_process_and_goes_on(sent, home, tmp_path, ptmrec):
    (tmp_path / "waiting.py").write_text(f"GATE = {str(tmp_path / 'gate')!r}{WAITING}")
    models = ("-m", "One", "Two", "--plugin", str(tmp_path / "waiting.py"))
    long = ("epochs=20", "checkpoint_interval=0")
    words = [*models, *words_in(tmp_path, home, *long, "--jobs", "2", "--resume")]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    process = subprocess.Popen([sys.executable, str(ROOT / "main.py"), *words], **pipes)
    try:
        deadline = time.monotonic() + 300
        while not list(tmp_path.glob("runs/*/*/epochs.jsonl")) and process.poll() is None:
            assert time.monotonic() < deadline
            time.sleep(0.05)
        children = psutil.Process(process.pid).children(recursive=True)
        assert len(children) >= 2
        process.send_signal(sent)
        _, errors = process.communicate(timeout=120)
    finally:
        process.kill()
    assert not psutil.wait_procs(children, timeout=60)[1]
    assert "Traceback" not in errors
    if sent == signal.SIGINT:
        assert process.returncode == 130 and errors.endswith("--resume goes on with a run or a search\n"), errors
        assert {run.info["status"] for run in find_runs(tmp_path / "runs")} <= {
            "failed", "finished"
        }  # fmt: skip
    (tmp_path / "gate").touch()
    assert ptmrec(*words)[0] == 0
    assert ptmrec("-q", *models, *words_in(tmp_path / "serial", home, *long))[0] == 0
    expected = outcome(tmp_path / "serial")
    assert len(expected) == 2 and not differences(expected, outcome(tmp_path))


def say_pid(config: Config) -> int:
    time.sleep(config["seconds"])
    if config["dies"]:
        os.kill(os.getpid(), signal.SIGKILL)
    logging.getLogger("mmrec_host.test").warning("heard")
    return os.getpid()


def test_a_process_that_dies_costs_its_job_alone():
    jobs = [Job(str(i), say_pid, Config({"seconds": 0.5 * (i == 0), "dies": i == 1})) for i in range(4)]
    with InProcesses(2, NO_PLUGINS) as engine:
        found = {job.name: result for job, result in engine.run(iter(jobs), lambda job: None)}
    assert [found[str(i)].error for i in range(4)] == [None, DIED, None, None]
    assert found["0"].value != os.getpid() and found["0"].warnings == ["heard"]


def where_configs_are(config: Config) -> str | None:
    return mmrec_configs.__file__


def test_processes_import_this_package_in_a_folder_that_has_one_s_own_configurations(tmp_path, monkeypatch):
    (tmp_path / "mmrec_configs").mkdir()
    monkeypatch.chdir(tmp_path)
    forkserver._forkserver._stop()  # that of an earlier test began elsewhere
    with InProcesses(2, NO_PLUGINS, ["mmrec_configs"]) as engine:
        ((_, result),) = engine.run(iter([Job("where", where_configs_are, Config())]), lambda job: None)
    assert result.value == mmrec_configs.__file__


def test_several_gpus_are_dealt_out_unless_one_is_named(monkeypatch):
    monkeypatch.setattr("torch.cuda.device_count", lambda: 2)
    monkeypatch.setenv("PTMREC_JOB", "3")
    devices = ("auto", "cuda", "cuda:0", "cpu")
    assert [own_gpu(Config({"device": name}))["device"] for name in devices] == ["cuda:1", "cuda:1", "cuda:0", "cpu"]


def test_who_comes_later_waits(tmp_path, caplog):
    caplog.set_level(logging.INFO, "mmrec_host.waiting")
    order = []

    def second() -> None:
        with alone(tmp_path / "lock", "is first"):
            order.append("second")

    thread = threading.Thread(target=second)
    with alone(tmp_path / "lock", "is second"):
        thread.start()
        while "waits for another process that is first" not in caplog.text:
            time.sleep(0.01)
        order.append("first")
    thread.join()
    assert order == ["first", "second"] and not list(tmp_path.iterdir())


@pytest.mark.parametrize("words", ["0", "-1", "x", "1.5", ""])
def test_a_number_of_jobs_that_is_none(words, ptmrec, tmp_path):
    code, _, errors = ptmrec("-m", "BPR", "-d", "toy", f"--jobs={words}")
    assert code == 2 and "--jobs" in errors and "must be 1 or more, or `auto`" in errors


def test_torchrun_s_processes_are_not_for_several_jobs(monkeypatch):
    monkeypatch.setenv("WORLD_SIZE", "2")
    with pytest.raises(ConfigError, match="torchrun"):
        number.n_jobs_of("2", lambda: [Config()])


@pytest.mark.parametrize(
    "cores, free, n_runs, expected", [(4, 9e9, 9, 4), (4, 3e9, 9, 2), (4, 9e9, 3, 3), (4, 1, 9, 1)]
)
def test_auto_takes_what_cores_and_memory_allow(cores, free, n_runs, expected, monkeypatch):
    monkeypatch.setattr(number, "n_cores", lambda: cores)
    monkeypatch.setattr(number, "available_memory", lambda: int(free))
    monkeypatch.setattr(memory, "largest_need", lambda configs: 10**9)
    assert number.n_jobs_of("auto", lambda: [Config({"device": "cpu"})] * n_runs) == expected


def test_a_run_needs_what_such_runs_took_and_else_what_is_estimated(finished, served):
    from mmrec_host.config import load_config
    from mmrec_host.data.dataset import load_dataset

    keys = {"data_path": str(served / "data"), "cache_path": str(served / "cache"), "encoder": "tiny", "device": "cpu"}
    config = load_config("PTMRec", "toy", overrides={**keys, "run_path": str(served / "elsewhere")})
    plain = load_config("VBPR", "toy", overrides={**keys, "run_path": str(served / "elsewhere")})
    dataset = load_dataset(config)
    estimate, without = memory.memory_needed(config, dataset), memory.memory_needed(plain, dataset)
    weights = 4 * 3_490_000  # bytes of the tiny encoder, nearly
    assert estimate - without > weights > 0
    run = find_runs(finished("VBPR").parents[1], "toy")
    peak = max(r.info["peak_memory_mb"] for r in run if r.info["model"] == "VBPR")
    known = plain.replaced(run_path=str(served / "runs"))
    assert memory.memory_needed(known, dataset) == pytest.approx(peak * 2**20, rel=1e-6)


def never_ends(config: Config) -> None:
    while True:
        try:
            time.sleep(60)
        except KeyboardInterrupt:
            pass


def test_a_job_that_will_not_stop_is_killed(monkeypatch):
    monkeypatch.setattr(in_processes, "GRACE", 1)
    with pytest.raises(KeyboardInterrupt), InProcesses(1, NO_PLUGINS) as engine:
        for _ in engine.run(iter([Job("one", never_ends, Config({}))]), begin_and_interrupt):
            pass
    process = engine.slots[0].process
    assert process is not None
    process.join(30)
    assert not process.is_alive()


def begin_and_interrupt(job: Job) -> None:
    time.sleep(3)
    raise KeyboardInterrupt
