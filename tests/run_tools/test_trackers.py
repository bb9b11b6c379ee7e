"""Trackers: what each package's own reader finds of a run, a resumed run, and what a tracker may not do to a run."""

from __future__ import annotations

import json
import struct
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from mmrec_host.errors import ConfigError
from mmrec_host.quick_start import quick_start
from mmrec_host.runs.record import find_runs
from mmrec_host.runs.tracking import TRACKERS
from tests.interrupted_runs import Interrupted, interrupt_after

STAGES = {
    "encoder": "tiny",
    "base": "VBPR",
    "kt_teacher": ["base"],
    "epochs": 2,
    "stage2_epochs": 2,
    "stage2_eval_step": 1,
}


@pytest.fixture
def keys(toy_keys):
    return {**toy_keys, "epochs": 3, "checkpoint_interval": 0, "progress": False}


@pytest.fixture
def told(monkeypatch):
    """A tracker `spy`, and what it was told."""
    heard: list[tuple] = []

    class Spy:
        def __init__(self, run):
            heard.append(("begin", run))

        def log(self, values, step):
            heard.append(("log", step, values))

        def end(self, results, failed):
            heard.append(("end", results, failed))

    monkeypatch.setitem(TRACKERS._objects, "spy", Spy)
    return heard


def test_a_tracker_is_told_what_the_record_is(keys, told):
    result = quick_start("BPR", "toy", {**keys, "track": "spy"})
    (_, run), *logged, (_, results, failed) = told
    assert run.folder == result.record.path and run.settings["epochs"] == 3 and not run.resumed
    assert run.settings["parameters/trainable"] == result.record.info["parameters"]["trainable"]
    assert [step for _, step, _ in logged] == [0, 1, 2] and not failed
    for (_, _, values), line in zip(logged, result.record.epochs(), strict=True):
        assert values["valid/recall@20"] == line["valid"]["recall@20"] and values["loss/loss"] == line["loss"]["loss"]
        assert values["seconds/train"] == line["seconds"]["train"] and values["peak_memory_mb"] > 0
    assert results["test/recall@20"] == result.test["recall@20"]
    assert results["best epoch"] == result.record.info["best"]["epoch"]


def test_what_is_tracked_is_no_setting(keys, told):
    first = quick_start("BPR", "toy", keys)
    again = quick_start("BPR", "toy", {**keys, "track": ["spy"], "resume": True})
    assert again.record.path == first.record.path and told == []


def test_a_resumed_run_goes_on_in_its_place_and_each_epoch_is_told_once(keys, told, monkeypatch):
    with monkeypatch.context() as patched, pytest.raises(Interrupted):
        interrupt_after(patched, 2)
        quick_start("BPR", "toy", {**keys, "track": ["spy"]})
    assert told[-1] == ("end", {}, True)
    quick_start("BPR", "toy", {**keys, "track": ["spy"], "resume": True})
    first, second = (run for kind, run, *_ in told if kind == "begin")
    assert first.folder == second.folder and second.resumed
    assert [step for kind, step, *_ in told if kind == "log"] == [0, 1, 2]


@pytest.mark.parametrize("place", ["__init__", "log", "end"])
def test_a_tracker_that_fails_is_left_out_and_the_run_goes_on(keys, told, monkeypatch, caplog, place):
    def fail(*_):
        raise RuntimeError("no connection")

    monkeypatch.setattr(TRACKERS.get("spy"), place, fail)
    result = quick_start("BPR", "toy", {**keys, "track": ["spy"]})
    assert result.record.info["status"] == "finished"
    assert caplog.text.count("tracker spy is left out from here on: RuntimeError: no connection") == 1


def test_what_cannot_be_tracked_is_said_before_anything_is_read(keys, monkeypatch):
    with pytest.raises(ConfigError, match="unknown tracker 'tensorbord', did you mean 'tensorboard'"):
        quick_start("BPR", "toy", {**keys, "track": "tensorbord"})
    monkeypatch.setitem(sys.modules, "trackio", None)
    monkeypatch.delitem(sys.modules, "run_tools.trackers.trackio", raising=False)
    monkeypatch.delitem(TRACKERS._objects, "trackio", raising=False)
    with pytest.raises(ConfigError, match=r"pip install 'ptmrec\[trackio\]'"):
        quick_start("BPR", "toy", {**keys, "track": ["trackio"]})
    assert find_runs(keys["run_path"], "toy") == []


def assert_curve(points: list[tuple[int, float]], record) -> None:
    """These are the run's validation values, epoch by epoch."""
    expected = [line["valid"]["recall@20"] for line in record.epochs()]
    assert [step for step, _ in points] == list(range(len(expected)))
    assert [value for _, value in points] == pytest.approx(expected)


def resumed_after_one_epoch(keys, monkeypatch, tracker: str):
    """The record of a run that broke off, was resumed and ended."""
    with monkeypatch.context() as patched, pytest.raises(Interrupted):
        interrupt_after(patched, 1)
        quick_start("BPR", "toy", {**keys, "track": [tracker]})
    return quick_start("BPR", "toy", {**keys, "track": [tracker], "resume": True}).record


def test_tensorboard_reads_it(keys, monkeypatch):
    pytest.importorskip("tensorboard")
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    record = resumed_after_one_epoch(keys, monkeypatch, "tensorboard")
    events = EventAccumulator(str(record.path / "tensorboard")).Reload()
    assert_curve([(each.step, each.value) for each in events.Scalars("valid/recall@20")], record)
    (result,) = events.Scalars("result/test/recall@20")
    assert result.value == pytest.approx(record.info["test"]["recall@20"])
    assert "| epochs | 3 |" in str(events.Tensors("settings/text_summary")[0].tensor_proto.string_val[0])


def wandb_records(file: Path) -> Iterator[bytes]:
    """The records of a .wandb file: a log of LevelDB, in blocks of 32 KiB, behind seven bytes of W&B's own."""
    data, start, whole = file.read_bytes(), 7, b""
    while start + 7 <= len(data):
        length, part = struct.unpack("<HB", data[start + 4 : start + 7])
        whole += data[start + 7 : start + 7 + length]
        start += 7 + length
        if part in (1, 4):  # in one piece, or the last of several
            yield whole
            whole = b""
        if (room := -start % 32768) < 7:  # no header fits
            start += room


def whole_wandb_file(file: Path) -> list:
    """Its records, once the last is there: W&B's own process writes on after a run's end has returned."""
    from wandb.proto.wandb_internal_pb2 import Record

    for _ in range(100):
        records = [Record.FromString(raw) for raw in wandb_records(file)]
        if records and records[-1].WhichOneof("record_type") == "exit":
            return records
        time.sleep(0.2)
    raise AssertionError(f"{file} never ended")


def test_wandb_writes_it_offline(keys, monkeypatch):
    pytest.importorskip("wandb")
    monkeypatch.setenv("WANDB_MODE", "offline")
    result = quick_start("PTMRec", "toy", {**keys, **STAGES, "track": ["wandb"]})  # its base's run inside it
    (file,) = (result.record.path / "wandb").glob("offline-run-*/*.wandb")
    points, summary, names = [], {}, set()
    for record in whole_wandb_file(file):
        values = {"/".join(i.nested_key) or i.key: json.loads(i.value_json) for i in record.history.item}
        if "valid/recall@20" in values:
            points.append((record.history.step.num, values["valid/recall@20"]))
        summary |= {"/".join(i.nested_key) or i.key: json.loads(i.value_json) for i in record.summary.update}
        names |= {record.run.run_id} - {""}
    assert_curve(points, result.record)
    assert names == {result.record.path.name}
    assert summary["test/recall@20"] == pytest.approx(result.test["recall@20"])


def test_mlflow_reads_it(keys, monkeypatch, tmp_path: Path):
    mlflow = pytest.importorskip("mlflow")
    uri = f"sqlite:///{tmp_path}/mlflow.db"
    monkeypatch.setenv("MLFLOW_TRACKING_URI", uri)
    record = resumed_after_one_epoch(keys, monkeypatch, "mlflow")
    client = mlflow.MlflowClient(uri)
    (run,) = client.search_runs([client.get_experiment_by_name("ptmrec-toy").experiment_id])
    history = client.get_metric_history(run.info.run_id, "valid/recall_at_20")
    assert_curve(sorted((each.step, each.value) for each in history), record)
    assert run.info.status == "FINISHED" and run.data.params["epochs"] == "3"
    assert run.data.metrics["result/test/recall_at_20"] == pytest.approx(record.info["test"]["recall@20"])


def test_mlflow_takes_the_names_of_all_columns(keys, monkeypatch, tmp_path: Path):
    mlflow = pytest.importorskip("mlflow")
    uri = f"sqlite:///{tmp_path}/mlflow.db"
    monkeypatch.setenv("MLFLOW_TRACKING_URI", uri)
    record = quick_start("PTMRec", "toy", {**keys, **STAGES, "track": ["mlflow"]}).record
    client = mlflow.MlflowClient(uri)
    runs = client.search_runs([client.get_experiment_by_name("ptmrec-toy").experiment_id])
    (tuned,) = (run for run in runs if run.data.tags["ptmrec.folder"] == record.path.name)
    assert tuned.info.status == "FINISHED"
    assert len([name for name in tuned.data.metrics if name.startswith("result/columns/")]) == len(
        [value for value in record.info["columns"].values() if isinstance(value, int | float)]
    )


def test_trackio_reads_it(keys, monkeypatch, tmp_path: Path):
    monkeypatch.setenv("TRACKIO_DIR", str(tmp_path / "trackio"))  # before it is imported, which reads it
    trackio = pytest.importorskip("trackio")
    record = resumed_after_one_epoch(keys, monkeypatch, "trackio")
    (run,) = trackio.Api().runs("ptmrec-toy")
    words = ["get", "metric", "--project", "ptmrec-toy", "--run", run.name, "--metric", "valid/recall@20", "--json"]
    read = subprocess.run([sys.executable, "-m", "trackio.cli", *words], capture_output=True, text=True, check=True)
    history = json.loads(read.stdout)["values"]
    assert_curve([(each["step"], each["value"]) for each in history], record)
