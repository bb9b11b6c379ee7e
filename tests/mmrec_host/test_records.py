"""Run records: round trips, faults of the folder, what a run leaves."""

from __future__ import annotations

import json
import logging
import re
import socket
import sys
import warnings
from pathlib import Path

import numpy as np
import pytest
import torch
import yaml

from mmrec_host.config import Config
from mmrec_host.environment import environment, peak_memory
from mmrec_host.errors import DataError
from mmrec_host.reporting.tables import results_table
from mmrec_host.runs.curves import draw_curve
from mmrec_host.runs.record import RunRecord, find_runs, same_run
from mmrec_host.runs.saved_model import best_state, save_model
from tests.finished_runs import begun_run, created_run, evaluation, finished_run

VALUES = {"recall@20": np.array([0.1, 0.0, 1 / 3]), "ndcg@20": np.array([0.2, 0.0, 0.7])}


def test_finished_run_reads_back_as_it_was_written(tmp_path: Path) -> None:
    written = finished_run(tmp_path, "VBPR", VALUES, seed=7, columns={"KT": np.float32(0.5)}, learning_rate=1e-4)
    read = RunRecord.load(written.path)
    info = read.info
    assert info == written.info
    assert (info["status"], info["label"], info["seed"], info["model"]) == ("finished", "VBPR", 7, "VBPR")
    assert info["test"] == {name: float(values.mean()) for name, values in VALUES.items()}
    assert info["best"] == {"phase": "train", "epoch": 2, "valid": info["test"]}
    assert info["parameters"] == {"total": 8, "trainable": 8}
    assert info["columns"] == {"KT": 0.5}
    assert info["peak_memory_mb"] > 10
    per_user = read.per_user()
    assert set(per_user) == {"users", "valid/users", *VALUES, *(f"valid/{name}" for name in VALUES)}
    for name, values in VALUES.items():
        np.testing.assert_array_equal(per_user[name], values)
    assert yaml.safe_load((read.path / "config.yaml").read_text())["learning_rate"] == 1e-4
    assert [line["epoch"] for line in read.epochs()] == [1, 2, 3]


def test_run_is_running_from_the_start_and_failed_after_an_error(tmp_path: Path) -> None:
    record = created_run(tmp_path, "BPR")
    assert RunRecord.load(record.path).info["status"] == "running"
    record.fail(ValueError("no such thing"))
    info = RunRecord.load(record.path).info
    assert (info["status"], info["error"]) == ("failed", "ValueError: no such thing")


def test_what_the_user_can_mend_before_a_run_has_begun_leaves_nothing(tmp_path: Path) -> None:
    created_run(tmp_path, "BPR").fail(DataError("no such data"))
    assert not list(tmp_path.iterdir())
    begun = begun_run(tmp_path, "BPR")
    begun.fail(DataError("the disk is full"))
    assert RunRecord.load(begun.path).info["error"] == "DataError: the disk is full"


def test_folder_names_differ_where_settings_do_however_long_the_label(tmp_path: Path) -> None:
    long = "PTMRec " + "a_key_of_a_long_name=1 " * 9
    runs = [begun_run(tmp_path, long, learning_rate=rate) for rate in (0.1, 0.1, 0.2)]
    names = [re.sub(r"-s1-\d{8}-\d{6}(-\d)?$", "", run.path.name) for run in runs]
    assert names[0] == names[1] != names[2] and max(map(len, names)) < 100


def test_same_label_seed_and_second_get_folders_of_their_own(tmp_path: Path) -> None:
    paths = {created_run(tmp_path, "BPR").path for _ in range(5)}
    assert len(paths) == 5 and all((path / "run.json").is_file() for path in paths)


@pytest.mark.parametrize("name", ["../../outside", "/etc", "a/b", "PTMRec lr=1e-4 λ=[0.1, 2]", "...", "x" * 500])
def test_no_name_leaves_the_root(tmp_path: Path, name: str) -> None:
    root = tmp_path / "runs"
    path = created_run(root, name, name).path
    assert path.resolve().parent.parent == root.resolve()
    assert [run.info["label"] for run in find_runs(root, name)] == [name]


def test_values_that_json_lacks(tmp_path: Path) -> None:
    record = created_run(tmp_path, "BPR")
    record.info["odd"] = [float("nan"), np.float64("inf"), np.int64(3), np.bool_(True), Path("x"), (1, None)]
    record.fail(ValueError())
    text = (record.path / "run.json").read_text()
    assert json.loads(text, parse_constant=pytest.fail)["odd"] == [None, None, 3, True, "x", [1, None]]


def test_epoch_that_was_run_again_counts_once_and_half_a_line_is_left_out(tmp_path: Path) -> None:
    record = begun_run(tmp_path, "BPR")
    for epoch, loss in ((1, 0.9), (2, 0.8), (2, 0.7)):
        record.log_epoch({"phase": "train", "epoch": epoch, "loss": loss})
    with (record.path / "epochs.jsonl").open("a") as file:
        file.write('{"phase": "train", "epo')
    assert [(line["epoch"], line["loss"]) for line in record.epochs()] == [(1, 0.9), (2, 0.7)]


def test_interrupted_write_leaves_the_old_file_and_no_litter(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    record = finished_run(tmp_path, "BPR", VALUES)
    before = (record.path / "per_user.npz").read_bytes()

    def full_disk(file, **arrays) -> None:
        file.write(b"PK")
        raise OSError("no space left on device")

    monkeypatch.setattr("mmrec_host.runs.record.np.savez_compressed", full_disk)
    with pytest.raises(DataError, match="no space.*Free space"):
        record.save_per_user(evaluation("valid", VALUES), evaluation("test", VALUES))
    assert (record.path / "per_user.npz").read_bytes() == before
    assert not list(record.path.glob("*.tmp")) and [p.name for p in record.path.glob(".*")] == [".lock"]


def test_a_best_state_with_sparse_matrices_is_read_without_a_word(tmp_path: Path) -> None:
    record = finished_run(tmp_path, "BPR", VALUES)
    graph = torch.eye(3).to_sparse()
    torch.save({"state": {"graph": graph}}, record.path / "checkpoint.pt")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        torch.testing.assert_close(best_state(record.path)["graph"], graph)


def test_record_of_a_newer_version_is_refused_with_what_to_do(tmp_path: Path) -> None:
    record = finished_run(tmp_path, "BPR", VALUES)
    (record.path / "run.json").write_text(json.dumps({**record.info, "schema_version": 2}))
    with pytest.raises(DataError, match="newer version .*schema_version 2.* reads up to 1.*Update"):
        RunRecord.load(record.path)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", "cannot be read as a run record"),
        ('{"schema_version": 1, "sta', "cannot be read as a run record"),
        ("[]", "no schema_version"),
        ('{"schema_version": 1, "status": "finished"}', "lacks label, dataset, seed"),
        (
            '{"schema_version": 1, "status": "odd", "label": "", "dataset": "", "seed": 1, "started": ""}',
            "'odd' is none",
        ),
    ],
)
def test_broken_folder_is_named_and_passed_over(tmp_path: Path, caplog, content: str, message: str) -> None:
    good = finished_run(tmp_path, "BPR", VALUES)
    broken = tmp_path / "toys" / "broken"
    broken.mkdir()
    (broken / "run.json").write_text(content)
    with pytest.raises(DataError, match=message):
        RunRecord.load(broken)
    assert [run.path for run in find_runs(tmp_path, "toys")] == [good.path]
    assert len(caplog.records) == 1 and "broken" in caplog.text


def test_a_folder_that_another_process_just_makes_is_passed_over_without_a_word(tmp_path: Path, caplog) -> None:
    good = finished_run(tmp_path, "BPR", VALUES)
    (tmp_path / "toys" / "new").mkdir()
    assert [run.path for run in find_runs(tmp_path, "toys")] == [good.path] and not caplog.records


def test_runs_are_found_oldest_first_and_of_the_dataset_only(tmp_path: Path) -> None:
    labels = ["Z", "A", "M"]
    for label in labels:
        created_run(tmp_path, label)
    created_run(tmp_path, "BPR", "books")
    assert [run.info["label"] for run in find_runs(tmp_path, "toys")] == labels
    assert find_runs(tmp_path / "nowhere", "toys") == []


def test_missing_or_broken_per_user_file_is_a_clear_error(tmp_path: Path) -> None:
    record = finished_run(tmp_path, "BPR", VALUES)
    with pytest.raises(DataError, match="per_user.npz: .*map@5"):
        record.per_user(["map@5"])
    (record.path / "per_user.npz").write_bytes(b"PK\x03\x04 cut off")
    with pytest.raises(DataError, match="per_user.npz: cannot be read"):
        record.per_user()
    (record.path / "per_user.npz").unlink()
    with pytest.raises(DataError, match="per_user.npz: cannot be read"):
        record.per_user()


def test_log_is_kept_for_the_run_alone(tmp_path: Path) -> None:
    logger = logging.getLogger("mmrec_host.training")
    record = begun_run(tmp_path, "BPR")
    logger.warning("during the run")
    record.fail(KeyboardInterrupt())
    logger.warning("after the run")
    text = (record.path / "log.txt").read_text()
    assert "during the run" in text and "after the run" not in text


def test_checkpoint_is_readable_without_pickle_and_names_the_model(tmp_path: Path) -> None:
    model = torch.nn.Linear(3, 2)
    record = begun_run(tmp_path, "BPR")
    save_model(record.path, model.state_dict(), model)
    checkpoint = torch.load(record.path / "checkpoint.pt", weights_only=True)
    assert checkpoint["model"] == "Linear"
    assert torch.equal(checkpoint["state"]["weight"], model.weight)


def test_learning_curve_lies_beside_the_record(tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    record = finished_run(tmp_path, "BPR $^", VALUES)
    draw_curve(record)
    assert (record.path / "curve.png").read_bytes().startswith(b"\x89PNG")


def test_without_matplotlib_there_is_no_curve_and_the_log_says_why(tmp_path: Path, monkeypatch, caplog) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    caplog.set_level(logging.INFO)
    record = finished_run(tmp_path, "BPR", VALUES)
    assert draw_curve(record) is None
    assert not (record.path / "curve.png").exists() and "matplotlib is not installed" in caplog.text


def test_environment_has_versions_and_threads_but_no_host_and_no_path() -> None:
    described = environment()
    assert described["torch"].split("+")[0] == torch.__version__.split("+")[0]
    assert described["threads"] == torch.get_num_threads()
    text = json.dumps(described)
    assert socket.gethostname() not in text
    assert str(Path.home()) not in text and str(Path.cwd()) not in text


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="compares with the Linux kernel's own count")
def test_peak_memory_is_in_megabytes_of_this_process() -> None:
    kilobytes = re.search(r"VmHWM:\s+(\d+) kB", Path("/proc/self/status").read_text())
    assert peak_memory()["peak_memory_mb"] == pytest.approx(int(kilobytes[1]) / 1024, rel=0.05)


WRONG = [
    *[(key, value) for key in ("label", "model", "settings_sha", "dataset") for value in (3, None, ["x"])],
    ("valid_metric", ["ndcg@20"]),
    *[("seed", value) for value in ("7", 1.5, True, None, 10**400)],
    *[("started", value) for value in (0, "yesterday", "2026-01-31T12:00:00", "0001-01-01T00:00:00+00:00")],
    *[("ended", 5), ("n_ranked", "all"), ("test", {"recall@all": 0.5}), ("seconds", {"total": 1e300})],
    *[(key, value) for key in ("test", "seconds") for value in ([], {"recall@20": "high"}, {"recall@20": 1e400}, None)],
    *[("best", value) for value in ({}, {"phase": "train", "epoch": "2", "valid": {}}, "epoch 2")],
    *[("parameters", {"trainable": "many"}), ("protocol", "as usual"), ("notes", "none"), ("notes", [1])],
    *[("columns", {"KT": [1]}), ("columns", [1]), ("environment", 3), ("peak_memory_mb", "much"), ("error", {})],
    ("combinations", [{"number": 1}]),
]


@pytest.mark.parametrize(("key", "value"), WRONG, ids=str)
def test_a_field_of_another_type_costs_that_run_alone(tmp_path: Path, caplog, key: str, value: object) -> None:
    good, bad = (finished_run(tmp_path, label, VALUES) for label in ("BPR", "VBPR"))
    (bad.path / "run.json").write_text(json.dumps({**bad.info, key: value}))
    assert [run.path for run in find_runs(tmp_path, "toys")] == [good.path]
    assert len(caplog.records) == 1 and f"{bad.path / 'run.json'}: " in caplog.text and f"{key} must be" in caplog.text
    (table,) = results_table(find_runs(tmp_path, "toys"))
    assert [row[0].value for row in table.rows] == ["BPR"]
    assert same_run(tmp_path, Config({"model": "BPR", "dataset": "toys", "seed": 1, "valid_metric": "Recall@20"}))


def test_json_that_is_too_deep_is_no_record(tmp_path: Path) -> None:
    (tmp_path / "run.json").write_text("[" * 100_000)
    with pytest.raises(DataError, match="cannot be read as a run record"):
        RunRecord.load(tmp_path)


def test_lines_that_are_no_objects_are_left_out(tmp_path: Path) -> None:
    record = begun_run(tmp_path, "BPR")
    record.log_epoch({"phase": "train", "epoch": 1})
    with (record.path / "epochs.jsonl").open("ab") as file:
        file.write(b'3\n["x"]\n\xff\xfe\n')
    assert record.epochs() == [{"phase": "train", "epoch": 1}]


def test_per_user_values_of_an_odd_shape_are_named_in_a_note(tmp_path: Path) -> None:
    good, bad = (finished_run(tmp_path, label, VALUES) for label in ("BPR", "VBPR"))
    for odd in ({"recall@20": np.zeros(2)}, {"recall@20": np.zeros((3, 2))}, {"users": np.array(["a", "b", "c"])}):
        arrays = {**good.per_user(), **odd}
        np.savez(bad.path / "per_user.npz", **arrays)
        (table,) = results_table(find_runs(tmp_path, "toys"))
        assert any("VBPR is in no significance test" in note and "per_user.npz" in note for note in table.notes)
