"""`ptmrec prepare` of Amazon's file formats, and of an existing split."""

from __future__ import annotations

import gzip
import json
import os
from pathlib import Path

import pytest
from preparing import N_ITEMS, prepare, taken, tree

from dataset_makers.prepare import missing  # noqa: F401 - the maker
from dataset_makers.prepare.dataset_files import REPORT
from mmrec_host.config import load_config
from mmrec_host.data.dataset import load_dataset
from mmrec_host.errors import ConfigError, DataError

BABY = Path(os.environ.get("PTMREC_TEST_DATA", "nowhere")) / "baby"


@pytest.fixture(autouse=True)
def own_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def amazon(tmp_path, server) -> list[str]:
    """A category in the published formats; two items are not in the metadata, lines of both files are broken."""
    reviews = [
        json.dumps({"reviewerID": f"A{user}", "asin": f"B{item:03}", "overall": 4.0, "unixReviewTime": time})
        for user, item, time in sorted(taken(), key=lambda row: row[1])
    ]
    reviews.insert(3, '{"reviewerID": "A1", "asi')
    reviews.append(json.dumps({"reviewerID": "LONE", "asin": "B999", "overall": 1.0, "unixReviewTime": 1}))
    metadata = [
        str(
            {
                "asin": f"B{item:03}",
                "title": f"It's item {item}",
                "brand": "Bränd",
                "categories": [["Sports", "Tents"], ["Other"]],
                "description": "Two\nlines",
                "imUrl": f"{server.address}/{'good' if item else 'gone'}/{item}",
            }
        )
        for item in range(N_ITEMS - 2)
    ]
    metadata += ["{'asin': 'B023', 'title': __import__('os').system('touch pwned')}", "{'asin': 'X1', 'title'", "(("]
    (tmp_path / "reviews.json.gz").write_bytes(gzip.compress("\n".join(reviews).encode()))
    (tmp_path / "meta.json.gz").write_bytes(gzip.compress("\n".join(metadata).encode()))
    return ["source_reviews=reviews.json.gz", "source_metadata=meta.json.gz"]


def test_amazons_formats_become_a_dataset(amazon, server, capsys, tmp_path):
    assert prepare("sports", *amazon, "published_counts=[30,24,300]") == 0
    home = tmp_path / "data" / "sports"
    counts = load_dataset(load_config("BPR", "sports")).counts()
    assert counts == {"users": 30, "items": 24, "train": 240, "valid": 30, "test": 30}
    items = [json.loads(line) for line in (home / "items.jsonl").read_text().splitlines()]
    assert items[1] == {
        "itemID": 1,
        "title": "It's item 1",
        "text": "It's item 1 Bränd Sports Tents Two lines",
        "source_id": "B001",
        "image": f"{server.address}/good/1",
        "categories": ["Sports", "Tents"],
    }
    assert (home / "i_id_mapping.csv").read_text().startswith("asin\titemID\nB000\t0\nB001\t1\n")
    said = capsys.readouterr().out
    assert "30 users, 24 items, 300 interactions, 240 train, 30 valid, 30 test" in said
    assert "1 × broken review (skipped), such as reviews.json.gz, line 4" in said
    assert "2 × item that the items do not describe, such as B022; B023" in said
    assert "21 stored" in said and "1 × gone, such as B000" in said and "2 × none named" in said
    assert "next: ptmrec -m PTMRec VBPR -d sports" in said
    assert not (tmp_path / "pwned").exists()
    report = json.loads((home / REPORT).read_text())
    assert report["images"]["ok"] == 21 and report["faults"]["broken line of metadata (skipped)"]["count"] == 2


def test_a_second_run_does_only_what_is_missing(amazon, server, capsys, tmp_path):
    words = ["sports", *amazon, "published_counts=[]"]
    prepare(*words, "--no-images")
    home = tmp_path / "data" / "sports"
    assert not server.asked and not (home / "images.lmdb").exists()
    files = tree(home)
    times = {name: (home / name).stat().st_mtime_ns for name in files if name != REPORT}
    prepare(*words)
    assert {name: (home / name).stat().st_mtime_ns for name in times} == times
    assert server.asked.total() == 22
    prepare(*words)
    assert server.asked.total() == 22
    with pytest.raises(DataError, match=r"k_core: 5, now 3.*--force"):
        prepare(*words, "--k-core", "3")
    assert {name: data for name, data in tree(home).items() if name != REPORT} == {
        name: data for name, data in files.items() if name != REPORT
    }
    prepare(*words, "--split-rule", "last", "--force")
    assert server.asked.total() == 22  # the images are still there
    assert tree(home)["sports.inter"] != files["sports.inter"]
    assert "21 stored" in capsys.readouterr().out.split("data/sports:")[-1]


def test_published_counts_are_checked_and_nothing_is_written_otherwise(amazon, tmp_path):
    with pytest.raises(DataError, match=r"30 users, 24 items, 300 interactions, but published are 35,598 users"):
        prepare("sports", *amazon)
    assert not (tmp_path / "data").exists()


def test_files_of_others_are_never_written_over(amazon, tmp_path):
    home = tmp_path / "data" / "sports"
    home.mkdir(parents=True)
    (home / "items.jsonl").write_text("mine\n")
    with pytest.raises(DataError, match="items.jsonl would be written over"):
        prepare("sports", *amazon, "published_counts=[]", "--force")
    assert tree(home) == {"items.jsonl": b"mine\n"}
    (home / "items.jsonl").unlink()
    prepare("sports", *amazon, "published_counts=[]", "--no-images")
    (home / "items.jsonl").write_text("changed by me\n")
    with pytest.raises(DataError, match="items.jsonl would be written over"):
        prepare("sports", *amazon, "published_counts=[]", "--no-images")


def test_an_interrupted_replacement_leaves_no_half_dataset(amazon, tmp_path, monkeypatch):
    words = ["sports", *amazon, "published_counts=[]", "--no-images"]
    prepare(*words)
    home = tmp_path / "data" / "sports"
    from dataset_makers.prepare import dataset_files

    write = dataset_files.write_whole

    def dies(path, fill):
        if path.name == "items.jsonl":
            raise KeyboardInterrupt
        write(path, fill)

    monkeypatch.setattr(dataset_files, "write_whole", dies)
    other = [*words, "--split-rule", "last", "--force", "text_fields=[title]"]
    assert prepare(*other) == 130
    assert not (home / "sports.inter").exists()
    with pytest.raises(DataError, match="ptmrec prepare sports"):
        load_dataset(load_config("BPR", "sports"))
    monkeypatch.undo()
    monkeypatch.chdir(tmp_path)
    prepare(*other)
    finished = tree(home)
    again = [word.replace("sports", "elec") if word == "sports" else word for word in other]
    prepare(*again)
    assert finished["items.jsonl"] == tree(tmp_path / "data" / "elec")["items.jsonl"]
    assert finished["sports.inter"] == tree(tmp_path / "data" / "elec")["elec.inter"]


def test_downloads_are_kept_and_a_server_without_them_is_told(amazon, server, tmp_path):
    for name in ("reviews.json.gz", "meta.json.gz"):
        server.files[name] = (tmp_path / name).read_bytes()
    remote = [
        f"source_{key}={server.address}/file/{key[:4].replace('revi', 'reviews')}.json.gz"
        for key in ("reviews", "metadata")
    ]
    for _ in range(2):  # who names a server on the command line may have it on this machine
        prepare("clothing", *remote, "published_counts=[]", "--no-images", everywhere=False)
    assert len(server.ranges) == 2
    kept = [path.name for path in (tmp_path / "data/clothing/downloads").iterdir()]
    assert sorted(name.partition("-")[2] for name in kept) == ["meta.json.gz", "reviews.json.gz"]
    with pytest.raises(DataError, match="404"):
        prepare("baby", f"source_reviews={server.address}/gone/x", amazon[1])


@pytest.mark.skipif(not BABY.is_dir(), reason="PTMREC_TEST_DATA names no folder with baby")
def test_mmrecs_split_of_baby_is_taken_over_exactly(server, capsys, tmp_path):
    ids = [line.split("\t")[0] for line in (BABY / "i_id_mapping.csv").read_text().splitlines()[1:]]
    rows = [
        str({"asin": asin, "title": f"about {asin}", "imUrl": f"{server.address}/good/x"}) for asin in reversed(ids)
    ]
    (tmp_path / "meta.json").write_text("\n".join(rows))
    assert prepare("baby", "--split", str(BABY / "baby.inter"), "source_metadata=meta.json") == 0
    home = tmp_path / "data" / "baby"
    for name in ("baby.inter", "i_id_mapping.csv", "u_id_mapping.csv"):
        assert (home / name).read_bytes() == (BABY / name).read_bytes()
    items = [json.loads(line) for line in (home / "items.jsonl").read_text().splitlines()]
    assert [(item["itemID"], item["title"]) for item in items] == [(n, f"about {asin}") for n, asin in enumerate(ids)]
    assert "images: 7,050 stored" in capsys.readouterr().out and server.asked.total() == 1


def test_images_that_data_name_on_this_machine_are_not_asked_for(amazon, server, capsys):
    words = ["sports", *amazon, "published_counts=[]"]
    assert prepare(*words, everywhere=False) == 0
    said = capsys.readouterr().out
    assert "images: 0 stored" in said and "22 × in a private network" in said and not server.asked
    assert "With --allow-private-hosts what lies in a private network" in said
    prepare(*words)
    assert "images: 21 stored" in capsys.readouterr().out


def test_a_source_that_a_file_beside_the_data_names_is_not_the_users_own(amazon, server, tmp_path):
    (tmp_path / "data" / "sports").mkdir(parents=True)
    source = f"{server.address}/file/reviews.json.gz"
    (tmp_path / "data" / "sports" / "dataset.yaml").write_text(f"source_reviews: {source}\n")
    with pytest.raises(ConfigError, match="source_reviews"):
        prepare("sports", amazon[1], "published_counts=[]", "--no-images", everywhere=False)
    assert not server.asked


def test_a_split_that_stands_in_its_place_gets_its_items(amazon, tmp_path):
    prepare("sports", *amazon, "published_counts=[]", "--no-images")
    made, home = tmp_path / "data" / "sports", tmp_path / "data" / "mine"
    home.mkdir()
    for name in ("i_id_mapping.csv", "u_id_mapping.csv"):
        (home / name).write_bytes((made / name).read_bytes())
    (home / "mine.inter").write_bytes((made / "sports.inter").read_bytes())
    (tmp_path / "items.csv").write_text("asin,title\nB003,Three\n")
    rows = [f"{user},B{item:03}" for user, item, _ in taken()]
    (tmp_path / "log.csv").write_text("\n".join(["user,item", *rows]))
    own = ["--interactions", "log.csv", "--items", "items.csv"]
    theirs = tree(home)
    for _ in range(2):
        prepare("mine", "--split", "data/mine/mine.inter", "--items", "items.csv")
        assert json.loads((home / "items.jsonl").read_text().splitlines()[3])["title"] == "Three"
        assert theirs.items() <= tree(home).items()
    with pytest.raises(DataError, match="mine.inter.* would be written over"):
        prepare("mine", *own, "--force")
    assert theirs.items() <= tree(home).items()


def test_a_split_needs_no_reviews(amazon, tmp_path):
    prepare("sports", *amazon, "published_counts=[]", "--no-images")
    split = str(tmp_path / "data/sports/sports.inter")
    words = ["--split", split, "source_reviews=null", amazon[1], "published_counts=[]", "--no-images"]
    assert prepare("elec", *words) == 0
    assert tree(tmp_path / "data/elec")["items.jsonl"] == tree(tmp_path / "data/sports")["items.jsonl"]


def test_before_it_is_prepared_the_host_says_how_and_what_it_costs(tmp_path):
    with pytest.raises(DataError) as caught:
        load_dataset(load_config("BPR", "sports", overrides={"data_path": "else where"}))
    for words in ("ptmrec prepare sports 'data_path=else where'", "265 MB", ": 18,357, about", "On disk", "minutes"):
        assert words in str(caught.value)
    assert not (tmp_path / "else where").exists()


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["nothing"], "none of the public datasets"),
        (["nothing", "--items", "x.csv"], "--interactions FILE"),
        (["../out", "--interactions", "x.csv"], "no name for a dataset"),
        (["", "--interactions", "x.csv"], "no name for a dataset"),
        (["mine", "--interactions", "x.csv"], "there is no such file"),
        (["mine", "--interactions", "x.csv", "--k-core", "0"], "must be 1 or more"),
        (["baby", "--split", "none.inter"], "--split none.inter: there is no such file"),
        (["baby", "source_reviews=none.gz"], "none.gz: there is no such file"),
        (["baby", "--text", "title", "--min-rating", "3"], "--text, --min-rating: only for your own tables"),
        (["baby", "source_reviews=null", "source_metadata=m.gz"], "source_reviews: must be an address or a local file"),
        (["baby", "source_metadata=null"], "source_metadata: must be an address or a local file"),
        (["baby", "--split", "b.inter", "--k-core", "3", "--seed", "1"], "--k-core, --seed: the split and its id maps"),
        (
            ["mine", "--split", "b.inter", "--interactions", "x.csv", "--min-rating", "3"],
            "--interactions, --min-rating: the split",
        ),
        (["mini", "--interactions", "x.csv"], "'mini' is made by 'mini' when it is first used"),
        (
            ["baby", "published_counts=[1]"],
            r"published_counts=\[1\]: must be \[\] \| list of 3 whole numbers, 1 or more",
        ),
        (["baby", "source_review=x"], "unknown key 'source_review', did you mean 'source_reviews'"),
    ],
)
def test_what_the_user_can_mend_is_said(words, message, tmp_path):
    with pytest.raises((ConfigError, DataError), match=message):
        prepare(*words)
    assert not list(tmp_path.iterdir())


def test_all_that_is_wrong_with_the_command_is_said_at_once(tmp_path):
    with pytest.raises(ConfigError) as caught:
        prepare("baby", "--k-core", "0", "--title", "x", "source_reviews=null")
    lines = str(caught.value).splitlines()
    assert [line.split()[0] for line in lines] == ["--k-core", "--title:", "source_reviews:"]
    with pytest.raises(ConfigError, match=r"(?s)'a=b' is no name.*--interactions FILE, or a finished split"):
        prepare("a=b", "--items", "x.csv")
    assert not list(tmp_path.iterdir())
