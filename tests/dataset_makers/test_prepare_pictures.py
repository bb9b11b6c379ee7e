"""Pictures of a folder find their items, and where none does, that is said at the top."""

from __future__ import annotations

import base64
import json
from pathlib import Path

import pytest
from faulty_server import picture
from preparing import prepare
from public_shapes import N_ITEMS, interactions_csv, items_csv, pairs, prepared, write, write_objects

from mmrec_host.errors import DataError

ARTICLES = [f"0{110775000 + n}" for n in range(N_ITEMS)]


@pytest.fixture(autouse=True)
def own_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def put(name: str, n: int) -> None:
    Path(name).parent.mkdir(parents=True, exist_ok=True)
    Path(name).write_bytes(picture(n))


@pytest.mark.parametrize(
    "name",
    ["images/{0:.3}/{0}.jpg", "images/{0}.jpg", "images/{1}.jpg", "images/{0}/front.jpg", "images/a/b/{0}_0.png"],
)
def test_pictures_lie_in_subfolders_or_lost_their_zeros(name, capsys):
    log = write("t.csv", ["t_dat,customer_id,article_id", *(f"2018-09-20,c{u},{ARTICLES[i]}" for u, i, *_ in pairs())])
    items = write("a.csv", ["article_id,prod_name,detail_desc", *(f"{a},Coat,warm" for a in ARTICLES)])
    for n, article in enumerate(ARTICLES):
        put(name.format(article, article.lstrip("0")), n)
    prepare("hm", "--interactions", log, "--items", items, "--images", "images")
    said = capsys.readouterr().out
    assert f"images: {N_ITEMS} stored" in said and "WARNING" not in said and "time=t_dat" in said
    assert prepared("hm")[1][0]["text"] == "Coat warm" and "-m PTMRec VBPR -d hm\n" in said


def test_no_picture_at_all_is_a_warning_at_the_top_and_next_does_without(capsys):
    put("pictures/deep/unlike.jpg", 0)
    prepare("x", "--interactions", interactions_csv(), "--items", items_csv(), "--images", "pictures")
    said = capsys.readouterr().out
    assert said.startswith("WARNING: no item has a picture: in the folder of --images no file is called like an item (")
    assert "next: ptmrec -m PTMRec VBPR -d x modalities=[t]" in said
    bare = write("bare.csv", ["id,kept_in", *(f"{n},hall" for n in range(N_ITEMS))])
    prepare("y", "--interactions", "log.csv", "--items", bare, "--no-images")
    said = capsys.readouterr().out
    assert said.startswith("WARNING: no item has a text") and "--text COLUMN" in said
    prepare("w", "--interactions", "log.csv", "--no-images")
    said = capsys.readouterr().out
    assert "next: ptmrec -m BPR LightGCN -d w" in said and "do not describe" not in said
    prepare("z", "--interactions", "log.csv", "--items", bare, "--images", "pictures")
    assert "next: ptmrec -m BPR LightGCN -d z" in capsys.readouterr().out


def test_objects_and_lists_of_addresses_name_one_picture(server, capsys):
    address = server.address
    items = [
        {
            "parent_asin": str(n),
            "title": f"T{n}",
            "images": [
                {"thumb": f"{address}/gone/{n}", "large": f"{address}/good/{n}", "variant": "MAIN", "hi_res": None}
            ],
        }
        for n in range(N_ITEMS)
    ]
    prepare("x", "--interactions", interactions_csv(), "--items", write_objects("m.jsonl", items))
    assert f"images: {N_ITEMS} stored" in capsys.readouterr().out
    items = [
        {
            "asin": str(n),
            "imageURL": [f"{address}/gone/{n}"],
            "imageURLHighRes": [f"{address}/good/{n}", f"{address}/gone/x"],
        }
        for n in range(N_ITEMS)
    ]
    prepare("y", "--interactions", "log.csv", "--items", write_objects("m.jsonl", items))
    said = capsys.readouterr().out
    assert f"images: {N_ITEMS} stored" in said and "image=imageURLHighRes" in said
    prepare("z", "--interactions", "log.csv", "--items", "m.jsonl", "--image", "imageURL")
    assert "12 × gone" in capsys.readouterr().out


def test_pictures_within_the_table(capsys):
    uris = [f"data:image/png;base64,{base64.b64encode(picture(n)).decode()}" for n in range(N_ITEMS)]
    uris[3] = "data:image/png;base64,broken!"
    items = write_objects("i.jsonl", ({"id": str(n), "title": "T", "image": uri} for n, uri in enumerate(uris)))
    prepare("x", "--interactions", interactions_csv(), "--items", items)
    said = capsys.readouterr().out
    assert f"images: {N_ITEMS - 1} stored" in said and "1 × not an image" in said


def test_html_in_texts_is_counted_and_can_be_kept(capsys):
    rows = [f'{n},Item {n},"Story &mdash; part <i>one</i>."' for n in range(N_ITEMS)]
    items = write("i.csv", ["id,title,description", *rows])
    prepare("x", "--interactions", interactions_csv(), "--items", items, "--no-images")
    assert "12 × text with HTML" in capsys.readouterr().out
    assert prepared("x")[1][0]["text"].endswith("Story — part one.")
    prepare("y", "--interactions", "log.csv", "--items", items, "--no-images", "--raw-markup")
    assert prepared("y")[1][0]["text"].endswith("&mdash; part <i>one</i>.")


def test_a_catalogue_of_others_is_still_refused_where_no_id_is_the_same():
    items = write("i.csv", ["id,title", *(f"X{n},T" for n in range(N_ITEMS))])
    with pytest.raises(DataError, match="describes none of the items"):
        prepare("x", "--interactions", interactions_csv(), "--items", items)
    assert not Path("data").exists()


def test_categories_are_told_and_counted(capsys):
    rows = [{"business_id": str(n), "name": f"B{n}", "categories": f"Food, Kind {n % 3}, Tea"} for n in range(N_ITEMS)]
    log = write_objects("r.json", ({"user_id": str(u), "business_id": str(i)} for u, i, *_ in pairs()))
    prepare("x", "--interactions", log, "--items", write_objects("b.json", rows), "--no-images")
    assert "categories=5 names" in capsys.readouterr().out
    assert json.loads(Path("data/x/items.jsonl").read_text().splitlines()[0])["categories"][0] == "Food"
