"""A full disk, folders that can only be read, two of everything at once, a clock that jumps: nothing is lost."""

from __future__ import annotations

import shutil
import sys
import tempfile
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from forked_commands import fork_server, run_command
from raw_dataset import write_dataset
from world import WORDS, digests

from mmrec_host.quick_start import quick_start
from mmrec_host.runs import record as record_module
from mmrec_host.runs.record import find_runs

TRAIN = ["-q", "-m", "VBPR", "-d", "toy", *WORDS]


@pytest.fixture(scope="module")
def forks():
    """A server that has imported everything, and forks a process for each command."""
    return fork_server()


@pytest.fixture
def place() -> Iterator[Path]:
    """A working folder that everybody may enter, with `data/toy`."""
    folder = Path(tempfile.mkdtemp())
    folder.chmod(0o755)
    write_dataset(folder / "data")
    yield folder
    for path in [folder, *folder.rglob("*")]:
        if path.is_dir():
            path.chmod(0o755)
    shutil.rmtree(folder)


@pytest.fixture
def start(forks, place, tmp_path_factory):
    """Starts a command in the working folder; gives the process, and what it says in the end."""
    spoken = Path(tempfile.mkdtemp())
    spoken.chmod(0o777)

    def begin(words: list[str], bytes_a_file: int | None = None, powerless: bool = False):
        said = spoken / f"{len(list(spoken.iterdir()))}.txt"
        said.touch()
        said.chmod(0o666)
        process = forks.Process(target=run_command, args=(str(place), words, str(said), bytes_a_file, powerless))
        process.start()

        def end() -> tuple[int | None, str]:
            process.join()
            return process.exitcode, said.read_text(errors="replace")

        return end

    yield begin
    shutil.rmtree(spoken)


@pytest.mark.parametrize("bytes_a_file", [200, 5_000, 60_000, 400_000])
def test_a_full_disk_is_a_message_and_costs_nothing_that_was_there(start, place, bytes_a_file):
    before = digests(place / "data")
    code, said = start(TRAIN, bytes_a_file)()
    assert code in (1, 2) and "error: " in said and "Traceback" not in said and "this is a bug" not in said, said
    assert digests(place / "data") == before
    code, said = start(TRAIN)()
    assert code == 0, said
    statuses = [run.info["status"] for run in find_runs(place / "runs")]
    assert statuses.count("finished") == 1


def anybody_may_read(path: Path) -> bool:
    return all(folder.stat().st_mode & 0o005 == 0o005 for folder in (path, *path.parents))


@pytest.mark.skipif(not anybody_may_read(Path(sys.prefix)), reason="another user cannot read this Python's packages")
@pytest.mark.parametrize("locked", [["."], ["runs"], ["cache"], ["data", "data/toy"]])
def test_a_folder_that_can_only_be_read_is_a_message(start, place, locked):
    for name in ("runs", "cache"):
        (place / name).mkdir()
        (place / name).chmod(0o777)
    for name in locked:
        (place / name).chmod(0o555)
    before = digests(place / "data")
    code, said = start(TRAIN, powerless=True)()
    assert "Traceback" not in said and "this is a bug" not in said, said
    if locked[0] in ("runs", "cache"):
        assert code == 2 and locked[0] in said and "ermission" in said, said
    else:
        assert code == 0, said
    assert digests(place / "data") == before


def test_two_of_the_same_run_at_once_both_end_with_the_same_result(start, place):
    ends = [start(TRAIN), start(TRAIN)]
    assert [end() for end in ends if end()[0] != 0] == []
    runs = find_runs(place / "runs")
    assert len(runs) == 2 and runs[0].info["test"] == runs[1].info["test"]


def test_two_that_go_on_with_one_run_are_one_and_a_message(start, place):
    resumed = [*TRAIN, "--resume"]
    results = [end() for end in (start(resumed), start(resumed))]
    assert all(code == 0 or (code == 2 and "another process" in said) for code, said in results), results
    assert any(code == 0 for code, _ in results)
    assert {run.info["status"] for run in find_runs(place / "runs")} == {"finished"}


def test_a_clock_that_jumps_back_loses_no_run(toy_keys, tmp_path, monkeypatch, ptmrec):
    class Earlier(datetime):
        @classmethod
        def now(cls, tz=None):
            return datetime.now(tz) - timedelta(days=400)

    keys = {**toy_keys, "epochs": 1}
    first = quick_start("BPR", "toy", keys).record.path
    monkeypatch.setattr(record_module, "datetime", Earlier)
    second = quick_start("BPR", "toy", {**keys, "seed": 5}).record.path
    third = quick_start("BPR", "toy", {**keys, "resume": True}).record.path
    assert {run.path for run in find_runs(tmp_path / "runs")} == {first, second}
    assert third == first
    assert ptmrec("table", "-d", "toy", "--runs", tmp_path / "runs")[0] == 0
