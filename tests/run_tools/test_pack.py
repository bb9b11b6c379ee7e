"""A run packed here is a run elsewhere; what is no pack, or was edited, is refused and leaves nothing."""

from __future__ import annotations

import json
import shutil
import zipfile
from pathlib import Path

import pytest

from mmrec_host.errors import DataError
from run_tools.pack import PACK, pack_run, unpack_run
from run_tools.serve import VECTORS_FILE


@pytest.fixture
def run(finished) -> Path:
    return finished("tuned")


def test_a_packed_run_recommends_and_stands_in_the_table_elsewhere(run, ptmrec, tmp_path, monkeypatch):
    code, said, _ = ptmrec("recommend", "-q", "--run", run, "--user", "0", "--json")
    assert code == 0 and ptmrec("pack", "--run", run, "--output", tmp_path / "run.zip")[0] == 0
    elsewhere = tmp_path / "runs"
    assert ptmrec("unpack", tmp_path / "run.zip", "--runs", elsewhere)[0] == 0
    (folder,) = elsewhere.glob("*/*")
    assert ptmrec("recommend", "-q", "--run", folder, "--user", "0", "--json")[1] == said
    assert ptmrec("table", "-d", folder.parent.name, "--runs", elsewhere)[0] == 0
    pack_run(folder, tmp_path / "again.zip")
    assert (tmp_path / "again.zip").read_bytes() == (tmp_path / "run.zip").read_bytes()
    assert ptmrec("unpack", tmp_path / "run.zip", "--runs", elsewhere)[0] == 0  # the same is there already
    (folder / "config.yaml").write_text("epochs: 3")
    code, _, error = ptmrec("unpack", tmp_path / "run.zip", "--runs", elsewhere)
    assert code == 2 and "is there already, and another one" in error


def test_what_users_took_is_not_packed_with_a_run_that_was_served(run, tmp_path):
    folder = shutil.copytree(run, tmp_path / "run", symlinks=True)
    n = pack_run(folder, tmp_path / "before.zip")
    (folder / VECTORS_FILE).write_bytes(b"who took what")
    assert pack_run(folder, tmp_path / "after.zip") == n
    assert (tmp_path / "after.zip").read_bytes() == (tmp_path / "before.zip").read_bytes()


def edited(pack: Path, change) -> None:
    """The pack with its members passed through `change(members)`."""
    with zipfile.ZipFile(pack) as archive:
        members = {info.filename: archive.read(info) for info in archive.infolist()}
    change(members)
    with zipfile.ZipFile(pack, "w") as archive:
        for name, content in members.items():
            archive.writestr(name, content)


def said(members: dict[str, bytes], **changes) -> None:
    members[PACK] = json.dumps(json.loads(members[PACK]) | changes).encode()


def with_member(members: dict[str, bytes], name: str) -> None:
    """Add a file that the list names rightly."""
    members[name] = b"x"
    sha = "2d711642b726b04401627ca9fbac32f5c8530fb1903cc4db02258717921a4881"
    said(members, files=json.loads(members[PACK])["files"] | {name: {"bytes": 1, "sha256": sha}})


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda m: m.update({"run.json": m["run.json"].replace(b"0", b"1")}), "run.json is not what"),
        (lambda m: m.pop("config.yaml"), "its members are not those"),
        (lambda m: m.update({"more.json": b"{}"}), "its members are not those"),
        (lambda m: m.update({"epochs.jsonl": m["epochs.jsonl"] + b" "}), "sizes are not those"),
        (lambda m: m.pop(PACK), f"it has no {PACK}"),
        (lambda m: m.update({PACK: b"[" * 10_000}), "cannot be read"),
        (lambda m: said(m, dataset="../out"), "cannot be read"),
        (lambda m: said(m, run="../out"), "no file of a run"),
        (lambda m: said(m, format=2), "Update ptmrec"),
        (lambda m: with_member(m, "../out.json"), "../out.json: no file of a run"),
        (lambda m: with_member(m, "/out.json"), "/out.json: no file of a run"),
        (lambda m: with_member(m, "model.py"), "model.py: no file of a run"),
        (lambda m: with_member(m, "a/b/c.json"), "no file of a run"),
    ],
)
def test_a_pack_that_is_none_is_refused_and_leaves_nothing(run, tmp_path, change, message):
    pack_run(run, tmp_path / "run.zip")
    edited(tmp_path / "run.zip", change)
    with pytest.raises(DataError, match=message):
        unpack_run(tmp_path / "run.zip", tmp_path / "runs")
    assert not [path for path in tmp_path.rglob("*") if path.is_file() and path.name != "run.zip"]


def test_half_a_pack_and_no_pack(run, tmp_path):
    pack_run(run, tmp_path / "run.zip")
    whole = (tmp_path / "run.zip").read_bytes()
    for content in (whole[: len(whole) // 2], b"", b"no archive"):
        (tmp_path / "run.zip").write_bytes(content)
        with pytest.raises(DataError, match="no pack of a run, or a damaged one"):
            unpack_run(tmp_path / "run.zip", tmp_path / "runs")
    with pytest.raises(DataError, match="there is no such file"):
        unpack_run(tmp_path / "none.zip", tmp_path / "runs")


def test_an_unfinished_run_is_not_packed(run, tmp_path):
    folder = tmp_path / "copy"
    shutil.copytree(run, folder)
    info = json.loads((folder / "run.json").read_text())
    (folder / "run.json").write_text(json.dumps(info | {"status": "failed"}))
    with pytest.raises(DataError, match="no finished run"):
        pack_run(folder, tmp_path / "run.zip")
    assert not (tmp_path / "run.zip").exists()
