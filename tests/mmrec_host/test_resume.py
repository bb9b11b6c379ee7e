"""Interrupted runs and searches: they end as if nothing had happened, and what cannot be gone on from is a message."""

from __future__ import annotations

import errno
import io
import json
import logging
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
from interrupted_runs import Interrupted, differences, interrupt_after, kill_and_resume, outcome

from mmrec_host import files
from mmrec_host.config import load_config
from mmrec_host.errors import DataError
from mmrec_host.quick_start import quick_start
from mmrec_host.reporting.searches import search_table
from mmrec_host.runs.record import RunRecord, find_runs
from mmrec_host.runs.saved_model import best_state
from mmrec_host.searching.grid import grid_search
from mmrec_host.training import trainer


@pytest.fixture
def keys(toy_keys):
    return {**toy_keys, "epochs": 6, "learning_rate": 0.01, "checkpoint_interval": 0, "resume": True}


ALONE = {"kt_teacher": ["base"]}  # so that all epochs are those of PTMRec


def run_whole_and_interrupted(model, keys, tmp_path, monkeypatch, n_epochs):
    """The folders of an uninterrupted run, and of one that was interrupted after `n_epochs` and resumed."""
    names = ("whole", "broken")
    places = ({f"{kind}_path": str(tmp_path / name / f"{kind}s") for kind in ("run", "cache")} for name in names)
    whole, broken = ({**keys, **place} for place in places)  # both begin with an empty cache
    quick_start(model, "toy", whole)
    with monkeypatch.context() as patch, pytest.raises(Interrupted):
        interrupt_after(patch, n_epochs)
        quick_start(model, "toy", broken)
    result = quick_start(model, "toy", broken)
    return tmp_path / "whole", tmp_path / "broken", result


@pytest.mark.parametrize(
    "model, changes, n_epochs",
    [
        ("BPR", {}, 0),
        ("LightGCN", {"eval_step": 2}, 3),
        ("FREEDOM", {}, 4),
        ("LATTICE", {"mess_dropout": [0.1, 0.1], "cf_model": "ngcf", "weight_size": [16, 16]}, 2),
        ("PTMRec", {"stage2_epochs": 4, "kt_teacher": ["base", "FREEDOM"]}, 3),  # in the teacher's run
        ("PTMRec", {"stage2_epochs": 4, "kt_teacher": ["base", "FREEDOM"]}, 9),  # in stage 1
        ("PTMRec", {"stage2_epochs": 4, "kt_teacher": ["base", "FREEDOM"]}, 14),  # in stage 2
        ("PTMRec", {"stage2_epochs": 4, "kt_student": "modality", **ALONE}, 8),
        ("PTMRec", {"stage2_epochs": 5, "base": "LATTICE", "stage2_eval_step": 2, "kt_weight": 1.0, **ALONE}, 9),
        ("PTMRec", {"mode": "joint_kt", "joint_epochs": 4, **ALONE}, 8),
        ("PTMRec", {"stage2_epochs": 4, "base": "FREEDOM", **ALONE}, 8),  # draws in stage 2
        ("PTMRec", {"stage2_epochs": 4, "peft": "adalora", "pool_size": 16, **ALONE}, 8),
        ("PTMRec", {"stage2_epochs": 3, "peft": "side", **ALONE}, 8),
        ("VBPR", {"new_items": 0.2, "selection": "mean", "topk": [2], "valid_metric": "Recall@2"}, 4),
    ],
)
def test_a_resumed_run_ends_bit_equal(model, changes, n_epochs, keys, tmp_path, monkeypatch):
    whole, broken, result = run_whole_and_interrupted(model, {**keys, **changes}, tmp_path, monkeypatch, n_epochs)
    assert outcome(whole) and not differences(outcome(whole), outcome(broken))
    assert len([run for run in find_runs(tmp_path / "broken" / "runs", "toy") if run.info["model"] == model]) == 1
    assert not list(result.record.path.glob("resume*")) and not list(result.record.path.glob(".*.tmp"))


def test_a_finished_run_is_not_run_again_and_its_model_scores_as_before(keys, monkeypatch):
    first = quick_start("VBPR", "toy", keys)
    interrupt_after(monkeypatch, 0)
    again = quick_start("VBPR", "toy", keys)
    assert again.record.path == first.record.path and again.test == first.test
    for a, b in zip(again.model.representations(), first.model.representations(), strict=True):
        assert torch.equal(a, b)


def test_other_settings_or_another_seed_begin_a_run_of_their_own(keys):
    runs = {quick_start("BPR", "toy", {**keys, **c}).record.path for c in ({}, {"seed": 1}, {"learning_rate": 0.02})}
    assert len(runs) == 3


def test_without_the_key_every_run_is_new(keys):
    again = {**keys, "resume": False}
    assert quick_start("BPR", "toy", again).record.path != quick_start("BPR", "toy", again).record.path


@pytest.mark.parametrize("n_epochs", [0, 3, 10])
def test_a_resumed_search_ends_in_the_same_table_and_repeats_no_combination(n_epochs, keys, tmp_path, monkeypatch):
    def search(place: str) -> list[dict[str, Any]]:
        config = load_config("BPR", "toy", overrides={**keys, "run_path": str(tmp_path / place)})
        return grid_search(config)

    begun = []
    epoch = trainer.Trainer._epoch
    whole = search("whole")
    with monkeypatch.context() as patch, pytest.raises(Interrupted):
        interrupt_after(patch, n_epochs)
        search("broken")
    with monkeypatch.context() as patch:
        patch.setattr(trainer.Trainer, "_epoch", lambda self, *args: begun.append(1) or epoch(self, *args))
        resumed = search("broken")
    assert _scores(resumed) == _scores(whole)
    assert len(whole) == len(load_config("BPR", "toy").search["reg_weight"])
    assert len(begun) == 6 * len(whole) - n_epochs
    with monkeypatch.context() as patch:
        interrupt_after(patch, 0)
        assert search("broken") == resumed


def _scores(ranked: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Each combination without the seconds."""
    return [{key: value for key, value in each.items() if key != "seconds"} for each in ranked]


def test_a_combination_that_diverges_is_ranked_last(keys, monkeypatch):
    config = load_config("BPR", "toy", overrides=keys)
    del config.overrides["learning_rate"]
    config.search = {"learning_rate": [1e30, 0.01]}
    ranked = grid_search(config)
    assert [each["values"]["learning_rate"] for each in ranked] == [0.01, 1e30]
    assert ranked[0]["score"] > 0 and ranked[1]["score"] is None
    table = search_table(config, ranked)
    assert [cell.value for cell in table.rows[1]] == ["learning_rate=1e+30", None, "diverged", None, None]
    assert "learning_rate=0.01" in table.notes[0]


def interrupted_record(keys, monkeypatch) -> RunRecord:
    with monkeypatch.context() as patch, pytest.raises(Interrupted):
        interrupt_after(patch, 3)
        quick_start("BPR", "toy", keys)
    return find_runs(keys["run_path"], "toy")[0]


def test_a_checkpoint_that_does_not_fit_is_refused_and_says_what_to_do(keys, monkeypatch):
    record = interrupted_record(keys, monkeypatch)
    file = record.path / "resume.pt"
    good = torch.load(file, weights_only=True)

    def refused(content, pattern: str) -> None:
        torch.save(content, file)
        with pytest.raises(DataError, match=pattern) as error:
            quick_start("BPR", "toy", keys)
        assert "--resume" in str(error.value) and file.exists()

    refused({**good, "format": 99}, "another version.*format 99")
    refused({**good, "identity": {**good["identity"], "settings_sha": "abc"}}, "another run.*settings_sha: abc")
    refused([1, 2], "another version")
    for part in ("random", "optimizer", "scheduler", "model", "progress"):
        refused({**good, "state": {k: v for k, v in good["state"].items() if k != part}}, "half of a checkpoint")
        refused({**good, "state": {**good["state"], part: {"any": 1}}}, "does not fit")
    state = good["state"]
    refused({**good, "state": {**state, "progress": {**state["progress"], "epoch": -3}}}, "does not fit.*from 0")
    refused({**good, "state": {**state, "optimizer": {**state["optimizer"], "state": {}}}}, "optimizer's state lacks")
    nan = {name: tensor * float("nan") for name, tensor in state["model"].items()}
    refused({**good, "state": {**state, "model": nan}}, "damaged: there are weights that are no numbers")
    file.write_bytes(file.read_bytes()[:100])
    with pytest.raises(DataError, match="cannot be read"):
        quick_start("BPR", "toy", keys)
    torch.save(good, file)
    assert quick_start("BPR", "toy", keys).record.path == record.path


def zero_half_of(table: torch.Tensor, file: Path) -> None:
    """Overwrite the second half of a table in a file with zeros."""
    stored, content = table.contiguous().numpy().tobytes(), file.read_bytes()
    assert content.count(stored) >= 1
    file.write_bytes(content.replace(stored, stored[: len(stored) // 2] + bytes(len(stored) - len(stored) // 2)))


def test_half_a_weight_table_in_a_checkpoint_is_damage(keys, monkeypatch):
    file = interrupted_record(keys, monkeypatch).path / "resume.pt"
    state = torch.load(file, weights_only=True)["state"]["model"]
    zero_half_of(max(state.values(), key=torch.Tensor.numel), file)
    with pytest.raises(DataError, match="resume.pt: .*damaged: .*not what was written.*Delete .*resume"):
        quick_start("BPR", "toy", keys)


def test_half_a_weight_table_in_a_finished_run_is_damage(keys):
    run = quick_start("BPR", "toy", keys).record.path
    zero_half_of(max(best_state(run).values(), key=torch.Tensor.numel), run / "checkpoint.pt")
    with pytest.raises(DataError, match="checkpoint.pt: .*damaged: .*not what was written.*train it anew"):
        best_state(run)


def test_data_that_changed_meanwhile_are_refused(keys, monkeypatch):
    interrupted_record(keys, monkeypatch)
    inter = Path(keys["data_path"]) / "toy" / "toy.inter"
    inter.write_text(inter.read_text().rpartition("\n")[0].rpartition("\n")[0] + "\n")
    with pytest.raises(DataError, match="begun on other data.*protocol"):
        quick_start("BPR", "toy", keys)


def test_results_of_other_data_are_not_passed_off_as_this_runs(keys):
    quick_start("BPR", "toy", keys)
    config = load_config("BPR", "toy", overrides=keys)
    grid_search(config)
    inter = Path(keys["data_path"]) / "toy" / "toy.inter"
    inter.write_text(inter.read_text() + "40\t0\t5.0\t0\t0\n")
    with pytest.raises(DataError, match="other data"):
        quick_start("BPR", "toy", keys)
    with pytest.raises(DataError, match="other data"):
        grid_search(config)


def test_a_run_that_is_still_running_is_left_alone(keys, monkeypatch):
    record = interrupted_record(keys, monkeypatch)
    with record._opened(), pytest.raises(DataError, match="another process is still"):
        quick_start("BPR", "toy", keys)
    record._close()
    stale = RunRecord.load(record.path)
    assert quick_start("BPR", "toy", keys).record.path == record.path
    with pytest.raises(DataError, match="has finished"):  # between the look at the folder and the lock
        stale.reopen()
    assert RunRecord.load(record.path).info["status"] == "finished"


def test_a_line_that_the_disk_refused_costs_one_combination(keys):
    config = load_config("BPR", "toy", overrides=keys)
    whole = grid_search(config)
    record = find_runs(Path(keys["run_path"]) / "searches", "toy")[0]
    lines = (record.path / "combinations.jsonl").read_text().splitlines(keepends=True)
    (record.path / "combinations.jsonl").write_text("".join([lines[0], *lines[2:]]))
    (record.path / "run.json").write_text(json.dumps({**record.info, "status": "running"}))
    assert _scores(grid_search(config)) == _scores(whole)


def test_a_full_disk_costs_the_checkpoint_but_not_the_run(keys, tmp_path, monkeypatch, caplog):
    caplog.set_level(logging.WARNING)
    whole, broken = ({**keys, "run_path": str(tmp_path / name / "runs")} for name in ("whole", "broken"))
    quick_start("BPR", "toy", whole)
    torch_save, calls = torch.save, {"n": 0}

    def disk(content, file) -> None:
        calls["n"] += "progress" in content.get("state", {})
        if calls["n"] > 2 and "progress" in content.get("state", {}):
            file.write(b"half")
            raise OSError(errno.ENOSPC, "No space left on device")
        torch_save(content, file)

    with monkeypatch.context() as patch, pytest.raises(Interrupted):
        patch.setattr(torch, "save", disk)
        interrupt_after(patch, 5)
        quick_start("BPR", "toy", broken)
    assert caplog.text.count("No space left") == 1  # said once, though two epochs could not be saved
    run = find_runs(broken["run_path"], "toy")[0].path
    assert torch.load(run / "resume.pt", weights_only=True)["state"]["progress"]["epoch"] == 2
    assert not list(run.glob(".*.tmp"))
    quick_start("BPR", "toy", broken)
    assert not differences(outcome(tmp_path / "whole"), outcome(tmp_path / "broken"))


def test_a_half_written_temporary_file_and_half_a_line_are_cleared_away(keys, monkeypatch):
    record = interrupted_record(keys, monkeypatch)
    (record.path / ".resume.pt.123.tmp").write_bytes(b"half")
    with (record.path / "epochs.jsonl").open("a") as file:
        file.write('{"phase": "tra')
    again = quick_start("BPR", "toy", keys).record
    assert [line["epoch"] for line in again.epochs()] == [1, 2, 3, 4, 5, 6]
    assert len((again.path / "epochs.jsonl").read_text().splitlines()) == 6
    assert not list(again.path.glob(".*.tmp"))


def test_the_file_before_survives_a_write_that_fails(tmp_path):
    path = tmp_path / "file"
    files.write_whole(path, b"first")

    def fails(file) -> None:
        file.write(b"sec")
        raise OSError(errno.ENOSPC, "No space left on device")

    with pytest.raises(DataError, match="No space.*Free space"):
        files.write_whole(path, fails)
    assert path.read_bytes() == b"first" and list(tmp_path.iterdir()) == [path]


def ended_process() -> int:
    """The number of a process that is no more."""
    process = subprocess.Popen([sys.executable, "-c", ""])
    process.wait()
    return process.pid


def test_what_killed_processes_left_beside_a_file_is_cleared_away_and_nothing_else(tmp_path):
    ended, alive = ended_process(), os.getppid()
    killed = f".file.{ended}.tmp"
    others = [f".file.{alive}.tmp", f".another.{ended}.tmp", f".file.{ended}.tmp.txt", ".file.tmp", ".file.x.tmp"]
    for name in (killed, *others):
        (tmp_path / name).touch()
    files.write_whole(tmp_path / "file", b"first")
    assert {path.name for path in tmp_path.iterdir()} == {"file", *others}


def test_a_temporary_file_that_is_being_written_elsewhere_is_left_alone(tmp_path):
    """In another container, where processes have other numbers, the lock says that its writer is alive."""
    fcntl = pytest.importorskip("fcntl")
    written = tmp_path / f".file.{ended_process()}.tmp"
    with written.open("wb") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        files.write_whole(tmp_path / "file", b"first")
        assert written.exists()
    files.write_whole(tmp_path / "file", b"second")
    assert not written.exists()


def test_a_writer_holds_the_lock_on_its_temporary_file(tmp_path):
    fcntl = pytest.importorskip("fcntl")

    def other_process(file) -> None:
        with open(file.name, "rb") as again, pytest.raises(BlockingIOError):
            fcntl.flock(again, fcntl.LOCK_EX | fcntl.LOCK_NB)

    files.write_whole(tmp_path / "file", other_process)


def test_a_full_disk_is_told_from_any_other_failure_while_a_file_is_written(tmp_path):
    class Full(io.BytesIO):
        def write(self, data) -> int:
            if self.tell() > 500:  # after torch's first record
                raise OSError(errno.ENOSPC, "No space left on device")
            return super().write(data)

    with pytest.raises(DataError, match="only a part of it.*Free space"):
        files.write_whole(tmp_path / "file", lambda _: torch.save({"a": torch.zeros(9999)}, Full()))
    with pytest.raises(RuntimeError, match="must match"):
        files.write_whole(tmp_path / "file", lambda _: torch.zeros(2) + torch.zeros(3))
    assert not list(tmp_path.iterdir())


def test_a_place_where_no_file_can_be_is_said_before_anything_is_made(tmp_path):
    for path, message in ((tmp_path / "no" / "file", "no folder .*no. Make it"), (tmp_path, "is a folder")):
        with pytest.raises(DataError, match=message):
            files.write_whole(path, lambda _: pytest.fail("was made"))


@pytest.mark.parametrize(
    "words", [["-m", "FREEDOM", "epochs=25"], ["-m", "PTMRec", "epochs=8", "stage2_epochs=5"]], ids=lambda w: w[1]
)
def test_killed_at_random_moments_and_resumed_a_run_ends_bit_equal(words):
    """From making the data and filling the cache to writing the results."""
    n_ended, wrong = kill_and_resume([*words, "-d", "mini", "encoder=tiny"], n_kills=2, seed=1)
    assert n_ended >= 1 and not wrong
