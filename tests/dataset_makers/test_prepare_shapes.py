"""Tables in the shapes that people bring: each ends in the rows and items that are meant."""

from __future__ import annotations

import bz2
import gzip
import json
import lzma
import zipfile
from pathlib import Path

import pytest
from preparing import prepare
from public_shapes import (
    N_ITEMS,
    N_ROWS,
    by_user,
    interactions_csv,
    items_csv,
    pairs,
    prepared,
    write,
    write_objects,
)

from mmrec_host.errors import ConfigError, DataError

PAIRS = sorted((str(user), str(item)) for user, item, *_ in pairs())


@pytest.fixture(autouse=True)
def own_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def rows_of(name: str = "x") -> list[tuple[str, str]]:
    return [row[:2] for row in prepared(name)[0]]


def test_ratings_without_a_header_lose_no_row_and_know_their_columns(capsys):
    lines = [f"A{u:03d}XQ7,B00{i:04d}ZZZ,{r}.0,{t}" for u, i, r, t in pairs()]
    assert prepare("x", "--interactions", write("ratings.csv", lines), "--no-images") == 0
    said = capsys.readouterr().out
    assert f"{N_ROWS} interactions" in said and "user=1, item=2, rating=3, time=4" in said and "has no header" in said
    assert rows_of() == sorted((f"A{u:03d}XQ7", f"B00{i:04d}ZZZ") for u, i, *_ in pairs())
    amazon_2018 = [f"B00{i:06d}Z,A{u:03d}XQ7,{r}.0,{t}" for u, i, r, t in pairs()]
    prepare("y", "--interactions", write("ratings.csv", amazon_2018), "--no-images")
    assert rows_of("y")[0][0].startswith("A")
    swapped = [f"{t}\t{i}\t{u}" for u, i, _, t in pairs()]
    prepare("z", "--interactions", write("z.txt", swapped), "--columns", "time,item,user", "--no-images")
    assert rows_of("z") == PAIRS
    with pytest.raises(ConfigError, match="no line names the columns; the first has 5 values: .*--columns user,item"):
        prepare("w", "--interactions", write("w.csv", [f"{u},{i},{r},{t},x" for u, i, r, t in pairs()]))
    with pytest.raises(ConfigError, match="4 columns are named .* and it has 3"):
        prepare("w", "--interactions", "z.txt", "--columns", "user,item,rating,time")


@pytest.mark.parametrize("sign", ["::", "\t", " ", "|"])
def test_files_without_a_header_are_told_from_those_with_one_whatever_divides_them(sign):
    prepare("x", "--interactions", write("r.dat", [sign.join(map(str, row)) for row in pairs()]), "--no-images")
    assert rows_of() == PAIRS


def test_items_without_a_header(capsys):
    titles = [f"{n},A short, funny title {n}" if n % 3 else f"{n},Plain {n}" for n in range(N_ITEMS)]
    prepare("x", "--interactions", interactions_csv(), "--items", write("title_en.csv", titles), "--no-images")
    items = {item["source_id"]: item["title"] for item in prepared("x")[1]}
    assert items == {str(n): f"A short, funny title {n}" if n % 3 else f"Plain {n}" for n in range(N_ITEMS)}
    assert "row with more cells than columns (the rest joined to '2')" in capsys.readouterr().out


def test_items_without_a_header_whose_ids_are_coded():
    log = write("log.csv", ["user,item", *(f"{u},B00{i:04d}ZZZ" for u, i, *_ in pairs())])
    prepare(
        "x", "--interactions", log, "--items", write("t.tsv", [f"B00{n:04d}ZZZ\tTitle {n}" for n in range(N_ITEMS)])
    )
    assert {item["source_id"]: item["title"] for item in prepared("x")[1]} == {
        f"B00{n:04d}ZZZ": f"Title {n}" for n in range(N_ITEMS)
    }


def test_lists_of_items_join_by_their_ids_and_not_by_users_whose_numbers_are_like_them():
    lists = [f"{user}\t{' '.join(map(str, items))}" for user, items in by_user().items()]
    titles = write("titles.csv", [f"{n},A short, funny title {n}" for n in range(N_ITEMS)])
    prepare("x", "--interactions", write("pairs.tsv", lists), "--items", titles, "--no-images")
    assert rows_of() == PAIRS
    assert all(item["title"] == f"A short, funny title {item['source_id']}" for item in prepared("x")[1])
    few = write("few.csv", ["id,title", *(f"{n},Title {n}" for n in range(N_ITEMS + 10) if n % 4 or n < 4)])
    rows = [f"{u // 4}{u % 4}\t{i + 1}" for u, i, *_ in pairs() if u % 4 != 3]  # each user is an item's number too
    prepare("y", "--interactions", write("rows.tsv", rows), "--items", few, "--no-images", "--k-core", "1")
    assert {item for _, item in rows_of("y")} == {str(n + 1) for n in range(N_ITEMS)}


@pytest.mark.parametrize(
    ("year", "user", "product"),
    [("2018", "reviewerID", {"asin": "1", "imageURL": ["http://x/y.jpg"]}), ("2023", "user_id", {"parent_asin": "1"})],
)
def test_amazon_s_later_data_are_not_read_as_those_of_2014(year, user, product):
    reviews = write_objects("r.json", [{user: str(u), "asin": str(i), "unixReviewTime": t} for u, i, _, t in pairs()])
    with pytest.raises(DataError, match=f"is of Amazon's data of {year}.*--source amazon-{year}"):
        prepare("x", f"source_reviews={reviews}", f"source_metadata={write_objects('m.json', [product])}")


def test_a_user_and_a_list_of_items_a_line():
    lists = by_user()
    shapes = {
        "pairs.tsv": [f"{user}\t{' '.join(map(str, items))}" for user, items in lists.items()],
        "lightgcn.txt": [f"{user} {' '.join(map(str, items))}" for user, items in lists.items()],
        "named.csv": ["user_id,items", *(f'{user},"{items}"' for user, items in lists.items())],
        "seq.inter": [
            "user_id:token\titem_id_list:token_seq",
            *(f"{u}\t{' '.join(map(str, i))}" for u, i in lists.items()),
        ],
        "lists.jsonl": [json.dumps({"user": user, "items": items}) for user, items in lists.items()],
        "numpy.csv": ["user,items", *(f"{user},[{' '.join(map(str, items))}]" for user, items in lists.items())],
        "rated.json": [json.dumps({user: dict.fromkeys(map(str, items), 4.0) for user, items in lists.items()})],
        "dict.json": [json.dumps(lists)],
        "pretty.json": json.dumps(lists, indent=1).splitlines(),
    }
    for n, (name, lines) in enumerate(shapes.items()):
        prepare(f"x{n}", "--interactions", write(name, lines), "--no-images")
        assert rows_of(f"x{n}") == PAIRS, name
    prepare("last", "--interactions", "pairs.tsv", "--split-rule", "last", "--no-images")
    tests = {user: item for user, item, label in prepared("last")[0] if label == "2"}
    assert tests == {user: str(items[-1]) for user, items in lists.items()}


def test_a_split_in_several_files_is_taken_as_it_is(capsys):
    lists = by_user()
    parts = {"train": slice(0, 6), "val": slice(6, 7), "test": slice(7, 8)}
    want = sorted((u, str(i), str(n)) for u, own in lists.items() for n, s in enumerate(parts.values()) for i in own[s])
    for name, cut in parts.items():
        cut_lists = {user: items[cut] for user, items in lists.items()}
        write(f"{name}.json", [json.dumps(cut_lists)])
        write(f"{name}.tsv", [f"{user}\t{item}\t1.0" for user, items in cut_lists.items() for item in items])
        header = "user_id:token\titem_id:token"
        write(
            f"ml.{name.replace('val', 'valid')}.inter",
            [header, *(f"{u}\t{i}" for u, own in cut_lists.items() for i in own)],
        )
    for n, words in enumerate((["train.json", "val.json", "test.json"], ["train.tsv", "val.tsv", "test.tsv"],
                               ["ml.train.inter", "ml.valid.inter", "ml.test.inter"])):  # fmt: skip
        train, valid, test = words
        prepare(f"x{n}", "--interactions", train, "--valid", valid, "--test", test, "--no-images")
        assert prepared(f"x{n}")[0] == want
    assert "84 train, 14 valid, 14 test" in capsys.readouterr().out
    with pytest.raises(ConfigError, match="training part of a split: --valid ml.valid.inter --test ml.test.inter"):
        prepare("y", "--interactions", "ml.train.inter")
    prepare("y", "--interactions", "ml.train.inter", "--split-rule", "mmrec", "--no-images")
    prepare("z", "--interactions", "train.tsv", "--test", "test.tsv", "--no-images")
    found = prepared("z")[0]
    assert {row for row in found if row[2] == "2"} == {row for row in want if row[2] == "2"}
    assert sum(row[2] == "1" for row in found) == 14 and "It has no validation: a tenth of" in capsys.readouterr().out


def test_a_split_in_a_column_is_never_lost(capsys):
    lines = ["userID\titemID\trating\ttimestamp\tx_label"]
    lines += ["\t".join(map(str, (*row, 0 if n % 8 < 6 else n % 8 - 5))) for n, row in enumerate(pairs())]
    shop = write("shop.inter", lines)
    with pytest.raises(
        ConfigError, match="column x_label holds a split. --label x_label .* --split FILE .*--split-rule"
    ):
        prepare("x", "--interactions", shop)
    prepare("x", "--interactions", shop, "--label", "x_label", "--no-images")
    assert [row[2] for row in prepared("x")[0]].count("2") == 14
    assert {row for row in prepared("x")[0]} == {
        (str(u), str(i), str(0 if n % 8 < 6 else n % 8 - 5)) for n, (u, i, *_) in enumerate(pairs())
    }
    with pytest.raises(
        DataError, match="i_id_mapping.csv does not lie beside it.*--label x_label takes the same split"
    ):
        prepare("y", "--split", shop, "--no-images")
    prepare("y", "--interactions", shop, "--split-rule", "mmrec", "--no-images")
    assert "not read=x_label" in capsys.readouterr().out


def test_columns_that_change_what_a_row_means_are_named_and_can_be_asked_for(capsys):
    lines = [f"{t},{u},{'purchase' if i % 2 else 'view'},{i},x" for u, i, _, t in pairs()]
    log = write("events.csv", ["timestamp,visitorid,event,itemid,note", *lines])
    prepare("x", "--interactions", log, "--no-images", "--k-core", "1")
    said = capsys.readouterr().out
    assert "WARNING: column event was not read (view, purchase)" in said or "(purchase, view)" in said
    assert "--keep event=VALUE" in said and "not read=event+note" in said
    prepare(
        "y",
        "--interactions",
        log,
        "--no-images",
        "--k-core",
        "1",
        "--keep",
        "event=purchase",
        "--keep",
        "timestamp>=2014-05-14",
    )
    kept = {(str(u), str(i)) for u, i, _, t in pairs() if i % 2 and t >= 1_400_025_600}
    assert set(rows_of("y")) == kept
    for wrong in ("event", "timestamp>soon"):
        with pytest.raises(ConfigError, match="--keep"):
            prepare("z", "--interactions", log, "--keep", wrong)
    with pytest.raises(ConfigError, match="--keep evnt: .* did you mean 'event'"):
        prepare("z", "--interactions", log, "--keep", "evnt=view")


def test_the_item_column_is_the_one_that_joins(capsys):
    reviews = [
        {
            "rating": float(r),
            "asin": f"B0V{i:04d}" if i % 3 else f"B0P{i:04d}",
            "parent_asin": f"B0P{i:04d}",
            "user_id": f"AE{u}",
        }
        for u, i, r, _ in pairs()
    ]
    meta = [{"parent_asin": f"B0P{n:04d}", "title": f"T{n}"} for n in range(N_ITEMS)]
    words = ["--interactions", write_objects("Thing.jsonl", reviews), "--items", write_objects("meta.jsonl", meta)]
    prepare("x", *words, "--no-images")
    assert {item["title"] for item in prepared("x")[1]} == {f"T{n}" for n in range(N_ITEMS)}
    other = [{**row, "parent_asin": row["asin"], "asin": row["parent_asin"]} for row in reviews]
    meta = [{"asin": row["parent_asin"], "title": row["title"]} for row in meta]
    words = ["--interactions", write_objects("Other.jsonl", other), "--items", write_objects("meta2.jsonl", meta)]
    prepare("y", *words, "--no-images")
    assert len(prepared("y")[1]) == N_ITEMS and "item=asin" in capsys.readouterr().out.split("data/y")[1]


def test_ids_that_lost_their_leading_zeros_are_matched_and_counted(capsys):
    log = write("t.csv", ["customer_id,article_id", *(f"c{u},0{110775000 + i}" for u, i, *_ in pairs())])
    items = write("a.csv", ["article_id,prod_name", *(f"{110775000 + n},Coat {n}" for n in range(N_ITEMS))])
    prepare("x", "--interactions", log, "--items", items, "--no-images")
    found = {item["source_id"]: item["title"] for item in prepared("x")[1]}
    assert found == {f"0{110775000 + n}": f"Coat {n}" for n in range(N_ITEMS)}
    assert "12 × id matched without its leading zeros, such as 0110775000 is 110775000" in capsys.readouterr().out


def test_recboles_item_file_and_names_without_types():
    lines = [
        "item_id:token\tmovie_title:token_seq\tclass:token_seq",
        *(f"{n}\tFilm {n}\tDrama Comedy" for n in range(N_ITEMS)),
    ]
    log = write("ml.inter", ["user_id:token\titem_id:token", *(f"{u}\t{i}" for u, i, *_ in pairs())])
    prepare("x", "--interactions", log, "--items", write("ml.item", lines), "--title", "movie_title", "--no-images")
    item = prepared("x")[1][0]
    assert item["categories"] == ["Drama", "Comedy"] and item["title"].startswith("Film") and "Film" in item["text"]


def test_packed_files_are_told_by_their_first_bytes():
    plain = Path(interactions_csv("plain.csv")).read_bytes()
    Path("a.csv.bz2").write_bytes(bz2.compress(plain))
    Path("b.csv").write_bytes(lzma.compress(plain))
    Path("c.dat").write_bytes(gzip.compress(plain))
    for name, members in {"d.csv": {"r.csv": plain}, "e.zip": {"m/r.csv": plain, "m/README.txt": b"x"}}.items():
        with zipfile.ZipFile(name, "w") as archive:
            for member, data in members.items():
                archive.writestr(member, data)
    parts = [b"user,item\n" + b"\n".join(f"{u},{i}".encode() for u, i, *_ in pairs()[n::2]) for n in range(2)]
    Path("parts").mkdir()
    for n, part in enumerate(parts):
        Path(f"parts/part-{n}.csv.gz").write_bytes(gzip.compress(part))
    Path("parts/_SUCCESS").touch()
    for n, name in enumerate(("a.csv.bz2", "b.csv", "c.dat", "d.csv", "e.zip/m/r.csv", "parts")):
        prepare(f"x{n}", "--interactions", name, "--no-images")
        assert rows_of(f"x{n}") == PAIRS, name
    with pytest.raises(DataError, match=r"holds several files: m/r.csv, m/README.txt. Name one: e.zip/m/r.csv"):
        prepare("y", "--interactions", "e.zip")
    for kind, start in (
        ("tar", b"\0" * 257 + b"ustar"),
        ("7z", b"7z\xbc\xaf\x27\x1c"),
        ("Zstandard", b"\x28\xb5\x2f\xfd"),
    ):
        Path("packed.csv").write_bytes(start + bytes(range(256)))
        with pytest.raises(DataError, match=f"{kind} archive. Unpack it"):
            prepare("y", "--interactions", "packed.csv")


def test_pythons_literals_and_json_arrays():
    games = [str({"id": str(n), "title": f"It's game {n}", "genres": ["Indie", "RPG"]}) for n in range(N_ITEMS)]
    log = [
        str({"username": f"gam er{u}", "product_id": str(i), "text": "It's ok", "date": "2017-10-02"})
        for u, i, *_ in pairs()
    ]
    Path("log.json.gz").write_bytes(gzip.compress("\n".join(log).encode()))
    prepare("x", "--interactions", "log.json.gz", "--items", write("games.json", games), "--no-images")
    assert rows_of()[0][0] == "gam er0" and prepared("x")[1][0]["categories"] == ["Indie", "RPG"]
    array = [{"user": u, "item": i} for u, i, *_ in pairs()]
    for n, text in enumerate((json.dumps(array), json.dumps({"data": array}), json.dumps(array, indent=2))):
        Path("a.json").write_text(text)
        prepare(f"y{n}", "--interactions", "a.json", "--no-images")
        assert rows_of(f"y{n}") == PAIRS


def test_quotes_behind_backslashes():
    books = [f'"{n}";"Flesh \\"Tones\\": A Novel; part {n}"' for n in range(N_ITEMS)]
    books = write("books.csv", ['"ISBN";"Book-Title"', *books])
    prepare("x", "--interactions", interactions_csv(), "--items", books, "--no-images")
    assert {item["title"] for item in prepared("x")[1]} == {f'Flesh "Tones": A Novel; part {n}' for n in range(N_ITEMS)}


def test_rows_that_are_all_refused_say_why_with_examples(capsys):
    log = write("r.csv", ["user,item,rating,date", *(f"{u},{i},good,10/05/2017" for u, i, *_ in pairs())])
    with pytest.raises(
        DataError, match=r"none of the 112 rows .* 112 × interaction without a readable time .*line 2: '10/05"
    ):
        prepare("x", "--interactions", log, "--split-rule", "last")
    with pytest.raises(DataError, match=r"112 × interaction without a readable rating .*'good'.*--rating COLUMN"):
        prepare("x", "--interactions", log, "--min-rating", "3")
    prepare("x", "--interactions", log, "--split-rule", "last", "--time-format", "%m/%d/%Y", "--no-images")
    broken = write("b.csv", ["user,item", *("only one" for _ in range(9))])
    with pytest.raises(
        DataError, match=r"holds no readable rows: 9 × broken row .*b.csv, line 2: 1 instead of 2 cells"
    ):
        prepare("y", "--interactions", broken)
    with pytest.raises(DataError, match=r"none of the 112 rows could be taken: 112 × broken review .*line 1: "):
        write("rat.csv", [f"A{u},B{i},5.0,{t}" for u, i, _, t in pairs()])
        prepare("baby", "source_reviews=rat.csv", f"source_metadata={items_csv()}")


def test_a_time_that_nobody_asked_for_deletes_no_row(capsys):
    lines = [f"{u},{i},{'' if n % 11 == 0 else t}" for n, (u, i, _, t) in enumerate(pairs())]
    log = write("some.csv", ["user,item,date", *lines])
    prepare("x", "--interactions", log, "--no-images")
    assert (
        "112 interactions" in (said := capsys.readouterr().out)
        and "11 × interaction without a readable time (kept" in said
    )
    prepare("y", "--interactions", log, "--no-images", "--split-rule", "last")
    said = capsys.readouterr().out
    assert "of 112 rows read" in said and "11 × interaction without a readable time (skipped)" in said


def test_amazons_rules_serve_any_name(capsys):
    reviews = [
        {"reviewerID": f"A{u}", "asin": f"B{i:03}", "overall": 4.0, "unixReviewTime": t} for u, i, _, t in pairs()
    ]
    meta = write("m.json", [str({"asin": f"B{n:03}", "title": f"Toy {n}"}) for n in range(N_ITEMS)])
    prepare(
        "other toys", f"source_reviews={write_objects('r.json', reviews)}", f"source_metadata={meta}", "--no-images"
    )
    assert {item["title"] for item in prepared("other toys")[1]} == {f"Toy {n}" for n in range(N_ITEMS)}
