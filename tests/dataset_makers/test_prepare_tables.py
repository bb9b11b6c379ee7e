"""Tables of many shapes, and dirty ones: what is read is right, and what is not read is counted with examples."""

from __future__ import annotations

import gzip
import json
import math
import zipfile
from pathlib import Path

import pytest

from dataset_makers.prepare.faults import Faults
from dataset_makers.prepare.interactions_table import Asked
from dataset_makers.prepare.interactions_table import read_interactions as read_tables
from dataset_makers.prepare.items_table import AskedItems
from dataset_makers.prepare.items_table import read_items as read_table
from dataset_makers.prepare.tables.rows import read_rows
from dataset_makers.prepare.tables.times import as_time
from dataset_makers.prepare.tables.values import as_names, as_text
from mmrec_host.errors import ConfigError, DataError

GUESS = dict.fromkeys(("user", "item", "rating", "time"))
GUESS_ITEMS = dict.fromkeys(("id", "title", "image", "category"))


def read_interactions(path, named, min_rating, faults, **more):
    log, columns, _ = read_tables({path: None}, Asked(named, min_rating=min_rating, **more), faults)
    return log, columns


def read_items(path, wanted, named, text, faults, **more):
    return read_table(path, wanted, AskedItems(named, text=text, **more), faults)


def rows(path: Path, faults: Faults | None = None) -> list[dict]:
    return [row for _, row in read_rows(path, faults or Faults())]


@pytest.mark.parametrize("sign", ["\t", ",", ";", "|"])
def test_delimiters_quotes_and_line_ends(tmp_path, sign):
    path = tmp_path / "t.csv"
    path.write_bytes(f'\ufeffuser id{sign}text\r\n1{sign}"a{sign} ""b""\nc"\r\n2{sign}ü\r\n'.encode())
    assert rows(path) == [{"user id": "1", "text": f'a{sign} "b"\nc'}, {"user id": "2", "text": "ü"}]
    packed = tmp_path / "t.csv.gz"
    packed.write_bytes(gzip.compress(path.read_bytes()))
    assert rows(packed) == rows(path)


def test_encodings(tmp_path):
    path = tmp_path / "t.csv"
    path.write_bytes("id,name\n1,Zürich\n".encode() + "2,café\n".encode("cp1252"))
    faults = Faults()
    assert [row["name"] for row in rows(path, faults)] == ["Zürich", "café"]
    assert faults.count("line not in UTF-8 (read as Windows-1252)") == 1
    for encoding in ("utf-16", "utf-16-be"):
        mark = b"\xfe\xff" if encoding == "utf-16-be" else b""
        path.write_bytes(mark + "id,name\n1,Zürich\n".encode(encoding))
        assert rows(path) == [{"id": "1", "name": "Zürich"}]


def test_broken_rows_are_counted_with_examples_and_the_others_read(tmp_path):
    path = tmp_path / "t.csv"
    path.write_text("user,item\na,1\nb\nc,1,extra\n\n\0d,2\n" + "e" * 200_000 + ",1\nf,3\n")
    faults = Faults()
    assert [row["user"] for row in rows(path, faults)] == ["a", "d", "f"]
    broken = faults.as_json()["broken row (skipped)"]
    assert broken["count"] == 3
    assert broken["examples"][0].startswith("t.csv, line 3: 1 instead of 2 cells")
    path.write_text('user,item\na,1\nb,"2\nc,3\nd,4\n')  # a stray quote swallows the rest
    faults = Faults()
    assert [row["user"] for row in rows(path, faults)] == ["a", "b"]
    lines = tmp_path / "t.jsonl"
    lines.write_text('{"user": 1, "item": "x"}\n{"user": \n[1]\n' + "[" * 5000 + '\n{"user": 2, "item": "y"}\n')
    faults = Faults()
    assert [row["user"] for row in rows(lines, faults)] == [1, 2]
    assert faults.count("broken row (skipped)") == 3


def test_a_line_without_end_is_skipped_in_bounded_memory(tmp_path, monkeypatch):
    monkeypatch.setattr("dataset_makers.prepare.tables.text_lines.LONGEST", 100)
    (tmp_path / "t.jsonl").write_text('{"a": 1}\n' + "x" * 1000 + '\n{"a": 2}\n')
    faults = Faults()
    assert [(place, row["a"]) for place, row in read_rows(tmp_path / "t.jsonl", faults)] == [
        ("t.jsonl, line 1", 1),
        ("t.jsonl, line 3", 2),
    ]
    assert faults.count("line too long (skipped)") == 1


def test_unreadable_files_are_errors(tmp_path):
    cases = {"none.csv": "no such file", "t.xlsx": "is a spreadsheet", "t.bin": "is no table", "empty": "no file"}
    with zipfile.ZipFile(tmp_path / "t.xlsx", "w") as sheet:
        sheet.writestr("xl/workbook.xml", "<x/>")
    (tmp_path / "t.bin").write_bytes(bytes(range(32)) * 20)
    (tmp_path / "empty").mkdir()
    (tmp_path / "one.csv").write_text("name\nx\n")
    (tmp_path / "empty.csv").touch()
    whole = gzip.compress(json.dumps({"text": list(range(1000))}).encode())
    (tmp_path / "cut.jsonl.gz").write_bytes(whole[: len(whole) // 2])
    (tmp_path / "bad.parquet").write_text("no parquet")
    cases |= {"one.csv": "at least two columns", "empty.csv": "at least two columns", "cut.jsonl.gz": "EOFError"}
    for name, message in cases.items():
        with pytest.raises((ConfigError, DataError), match=message):
            rows(tmp_path / name)


def test_parquet(tmp_path):
    pyarrow = pytest.importorskip("pyarrow")
    from pyarrow import parquet

    table = pyarrow.table({"uid": [1.0, None, 3.0], "sku": ["x", "y", "z"], "tags": [["a", "b"], [], None]})
    parquet.write_table(table, tmp_path / "t.parquet")
    assert rows(tmp_path / "t.parquet") == table.to_pylist()
    (tmp_path / "bad.parquet").write_text("no parquet")
    with pytest.raises(DataError, match="no readable Parquet file"):
        rows(tmp_path / "bad.parquet")


def test_values():
    texts = {None: "", math.nan: "", 12.0: "12", 1.5: "1.5", 7: "7", True: "True", b"x": "x", " a \n b ": "a b"}
    assert {value: as_text(value) for value in texts} == texts
    assert as_text([["a", None], ["b"], 2]) == "a b 2"
    names = {"Drama": ["Drama"], "A|B |A": ["A", "B"], "": [], 3: ["3"]}
    assert {value: as_names(value) for value in names} == names
    assert as_names([["a", "b c", "a"], ["d"]]) == ["a", "b c"] and as_names(["x|y", None]) == ["x|y"]
    assert as_names(None) == as_names([]) == as_names([[]]) == []
    assert as_time("1970-01-02") == as_time("1970-01-02T00:00:00Z") == as_time(86400) == as_time("86400") == 86400
    assert as_time("1970-01-01 01:00:00+01:00") == 0
    assert as_time(1.5e12) == as_time(1.5e15) == as_time("1500000000000000000") == 1.5e9  # ms, µs, ns
    assert all(math.isnan(as_time(value)) for value in ("yesterday", "", None, [], "nan", 1e300, -1e300))


def test_ids_written_as_floats_are_whole_numbers_if_all_are(tmp_path):
    log_path, items_path = tmp_path / "log.csv", tmp_path / "items.csv"
    log_path.write_text("user,item\nu1,12.0\nu2,7.0\n")
    log, _ = read_interactions(log_path, GUESS, None, Faults())
    assert log.item_ids == ["12", "7"] and log.user_ids == ["u1", "u2"]
    log_path.write_text("user,item\n1.0,12.0\n2.0,7.5\n")
    log, _ = read_interactions(log_path, GUESS, None, Faults())
    assert log.item_ids == ["12.0", "7.5"] and log.user_ids == ["1", "2"]
    items_path.write_text("id,title\n12.0,Twelve\n9.0,Nine\n")
    assert read_items(items_path, {"12", "7"}, GUESS_ITEMS, None, Faults())[0].keys() == {"12"}
    assert read_items(items_path, {"12.0", "7.5"}, GUESS_ITEMS, None, Faults())[0].keys() == {"12.0"}
    items_path.write_text("id,title\n12.0,Twelve\n7,Seven\nx,X\n")
    assert read_items(items_path, {"12", "7"}, GUESS_ITEMS, None, Faults())[0].keys() == {"7"}


def test_items_of_another_catalogue_are_refused_with_ids_of_both(tmp_path):
    path = tmp_path / "items.csv"
    path.write_text("id,title\nA1,One\nA2,Two\n")
    with pytest.raises(DataError, match=r"column id\) are such as A1, A2; theirs are such as 1, 2\..*--id COLUMN"):
        read_items(path, {"1", "2"}, GUESS_ITEMS, None, Faults())


def test_interactions_with_guessed_and_named_columns(tmp_path):
    path = tmp_path / "ratings.csv"
    path.write_text("userId,movieId,rating,timestamp\n1,10,4.0,100\n1,11,3.0,101\n2,10,x,102\n2,11,5,later\n,11,5,1\n")
    faults = Faults()
    log, columns = read_interactions(path, GUESS, 3.5, faults, ordered=True)
    assert columns == {"user": "userId", "item": "movieId", "rating": "rating", "time": "timestamp"}
    assert (log.user_ids, log.item_ids, log.times.tolist()) == (["1"], ["10"], [100.0])
    assert {kind: fault["count"] for kind, fault in faults.as_json().items()} == {
        "interaction rated too low (skipped)": 1,
        "interaction without a readable rating (skipped)": 1,
        "interaction without a readable time (skipped)": 1,
        "interaction without user or item (skipped)": 1,
    }
    path.write_text("who;what\na;x\n")
    with pytest.raises(ConfigError, match="no column looks like user or item; there are who, what.*--user COLUMN"):
        read_interactions(path, GUESS, None, Faults())
    with pytest.raises(ConfigError, match="--user whom: .* no such column, did you mean 'who'"):
        read_interactions(path, {**GUESS, "user": "whom"}, None, Faults())
    log, _ = read_interactions(path, {**GUESS, "user": "who", "item": "what"}, None, Faults())
    assert log.times is None and log.user_ids == ["a"]
    recbole = tmp_path / "log.inter"
    recbole.write_text("user_id:token\titem_id:token\ttimestamp:float\n7\tx\t5\n")
    log, _ = read_interactions(recbole, GUESS, None, Faults())
    assert (log.user_ids, log.item_ids, log.times.tolist()) == (["7"], ["x"], [5.0])
    path.write_text("user,item\n")
    with pytest.raises(DataError, match="no readable rows"):
        read_interactions(path, GUESS, None, Faults())


def test_objects_without_a_key_are_skipped_and_counted(tmp_path):
    path = tmp_path / "clicks.jsonl"
    written = [{"user": 1, "item": 2, "rating": 5, "time": 3}, {"user": 1, "item": 3, "rating": 5}]
    written += [{"user": 1, "item": 4, "time": 3}, {"item": 5, "time": 3}]
    path.write_text("".join(json.dumps(row) + "\n" for row in written))
    faults = Faults()
    log, _ = read_interactions(path, GUESS, 4.0, faults, ordered=True)
    assert log.item_ids == ["2"]
    assert {kind: fault["examples"] for kind, fault in faults.as_json().items()} == {
        "interaction without a readable time (skipped)": ["clicks.jsonl, line 2: None"],
        "interaction without a readable rating (skipped)": ["clicks.jsonl, line 3: None"],
        "interaction without user or item (skipped)": ["clicks.jsonl, line 4: {'item': 5, 'time': 3}"],
    }


def test_items_with_guessed_and_named_columns(tmp_path):
    path = tmp_path / "items.jsonl"
    written = [
        {"id": 1, "title": "One"},
        {"id": 1, "title": "again"},
        {"id": 2, "title": "Two", "genres": ["a", "b"], "Image URL": "http://x/2.jpg", "description": None},
        {"title": "none"},
        {"id": 3, "title": "not wanted"},
    ]
    path.write_text("".join(json.dumps(row) + "\n" for row in written))
    faults = Faults()
    items, _, columns = read_items(path, {"1", "2"}, GUESS_ITEMS, None, faults)
    guessed = {"id": "id", "title": "title", "image": "Image URL", "category": "genres"}
    assert columns == {**guessed, "text": ["title", "genres", "description"], "categories": "2 names"}
    assert items == {"1": ("One", "One", "", []), "2": ("Two", "Two a b", "http://x/2.jpg", ["a", "b"])}
    assert faults.count("item described twice (first kept)") == faults.count("item without an id (skipped)") == 1
    items, *_ = read_items(path, {"2"}, GUESS_ITEMS, ["genres"], Faults())
    assert items["2"].text == "a b"
    items, *_ = read_items(path, {"2"}, {**GUESS_ITEMS, "category": "title"}, None, Faults())
    assert items["2"].categories == ["Two"]
    with pytest.raises(ConfigError, match="--text tags"):
        read_items(path, {"2"}, GUESS_ITEMS, ["tags"], Faults())
    with pytest.raises(ConfigError, match="--id foo: .* no such column"):
        read_items(path, {"2"}, {**GUESS_ITEMS, "id": "foo"}, None, Faults())
    path.write_text('{"name": "One"}\n')
    with pytest.raises(ConfigError, match="no column looks like id; there are name. Name it: --id COLUMN"):
        read_items(path, {"2"}, GUESS_ITEMS, None, Faults())
