"""What commands write by request: never over a file of somebody else, and never among data, caches and runs."""

from __future__ import annotations

from pathlib import Path

import pytest

from mmrec_host.errors import DataError
from mmrec_host.outputs import PAGE_MARK, require_output


@pytest.fixture
def place(raw_data: Path, tmp_path: Path) -> Path:
    (tmp_path / "cache" / "toy").mkdir(parents=True)
    (tmp_path / "cache" / "toy" / "data.mdb").write_bytes(b"LMDB")
    (tmp_path / "runs" / "toy" / "a").mkdir(parents=True)
    (tmp_path / "runs" / "toy" / "a" / "run.json").write_text("{}")
    (tmp_path / "mine.md").write_text("mine")
    (tmp_path / "page.html").write_bytes(b"<head>" + PAGE_MARK)
    return tmp_path


AMONG = [
    "data/toy/toy.inter",
    "data/toy/new.md",
    "data/toy/images/x/../new.md",
    "cache/toy/data.mdb",
    "runs/toy/a/new.md",
]


@pytest.mark.parametrize("name", AMONG)
@pytest.mark.parametrize("force", [False, True])
def test_nothing_is_written_over_what_is_there(place, name, force):
    (place / "data" / "toy" / "images" / "x").mkdir()
    with pytest.raises(DataError, match=r"lies in .*where nothing else is written. Name another place"):
        require_output(place / name, force)


def test_a_file_of_somebody_else_is_replaced_by_force_alone(place):
    with pytest.raises(DataError, match=r"mine.md: is there already, and stays.*--force"):
        require_output(place / "mine.md")
    require_output(place / "mine.md", force=True)
    with pytest.raises(DataError, match="is there already"):
        require_output(place / "mine.md", mark=PAGE_MARK)
    require_output(place / "page.html", mark=PAGE_MARK)
    require_output(place / "new.md")
    with pytest.raises(DataError, match="is no ordinary file"):
        require_output(Path("/dev/null"), force=True)


def test_a_link_to_data_is_data(place):
    (place / "link.md").symlink_to(place / "data" / "toy" / "toy.inter")
    with pytest.raises(DataError, match="a data folder"):
        require_output(place / "link.md", force=True)


def test_a_table_does_not_replace_the_interactions(finished, served, ptmrec):
    finished("BPR")
    inter = served / "data" / "toy" / "toy.inter"
    before = inter.read_bytes()
    for force in ([], ["--force"]):
        code, _, said = ptmrec("table", "-d", "toy", "--runs", served / "runs", "--output", inter, *force)
        assert code == 2 and f"{inter}: lies in {inter.parent}, a data folder" in said
    assert inter.read_bytes() == before
