"""`ptmrec show`: what stands in the page, and what is refused."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from page_reader import read_page
from shown_runs import GENRES, HOSTILE, WITHOUT_PICTURE, make_hostile

from mmrec_host.cli.main import main
from mmrec_host.quick_start import quick_start
from mmrec_host.runs.finished_run import open_run


@pytest.fixture(scope="module")
def pair_page(shown_pair, tmp_path_factory):
    """The page on the pair, all users and items shown."""
    file = tmp_path_factory.mktemp("page") / "pair.html"
    runs = [word for folder in shown_pair for word in ("--run", str(folder))]
    assert main(["show", "-q", *runs, "--output", str(file), "--users", "40", "--items", "46"]) == 0
    return read_page(file.read_text(encoding="utf-8"))


def section(page, name):
    return page.all("section", id=name)[0]


def rows(table):
    return [[cell.text for cell in row.children] for row in table.all("tr")]


def test_the_page_needs_nothing_else_and_runs_nothing(pair_page):
    assert not pair_page.all("script") and not pair_page.all("img")
    ids = [element.attributes["id"] for element in pair_page.all() if "id" in element.attributes]
    assert len(ids) == len(set(ids))
    for element in pair_page.all():
        assert not [name for name in element.attributes if name.startswith("on")]
        for name in ("src", "href"):
            target = element.attributes.get(name)
            assert target is None or target.startswith("data:") or target[1:] in ids
    (policy,) = pair_page.all("meta", **{"http-equiv": "Content-Security-Policy"})
    assert policy.attributes["content"].startswith("default-src 'none'; style-src 'sha256-")


def test_titles_are_text_whatever_they_say(pair_page):
    titles = pair_page.all("bdi", class_="title")
    shown = HOSTILE.replace("\x07", "\N{REPLACEMENT CHARACTER}")
    assert titles and all(title.text.startswith(shown[:60]) for title in titles)


def test_pictures_are_named_and_stand_in_the_page_once(pair_page):
    symbols = [symbol.attributes["id"] for symbol in pair_page.all("symbol")]
    used = {use.attributes["href"][1:] for use in pair_page.all("use")}
    assert set(symbols) == used and not used & {f"i{item}" for item in WITHOUT_PICTURE}
    assert all(picture.attributes.get("aria-label") for picture in pair_page.all("svg", role="img"))
    assert "no picture" in section(pair_page, "users").text


def test_the_means_are_those_of_the_runs(pair_page, shown_pair):
    first, second = (json.loads((folder / "run.json").read_text())["test"] for folder in shown_pair)
    table = {row[0].lower(): row[1:3] for row in rows(section(pair_page, "summary").all("table")[0])}
    for metric in first:
        assert table[metric] == [f"{first[metric]:.4f}", f"{second[metric]:.4f}"]


def test_hits_are_those_of_the_stored_metrics(pair_page, shown_pair):
    stored = [np.load(folder / "per_user.npz") for folder in shown_pair]
    users = {int(user): row for row, user in enumerate(stored[0]["users"])}
    shown = section(pair_page, "users").all("details")
    assert len(shown) == len(users)
    for user in shown:
        row = users[int(user.all("h3")[0].text.removeprefix("User "))]
        for name, values in zip("AB", stored):
            (strip,) = [e for e in user.all("ol") if e.attributes["aria-label"].startswith(f"Recommended by {name}")]
            assert len(strip.all("li")) == 10
            assert len(strip.all("li", class_="hit")) == round(10 * values["precision@10"][row])


def test_what_the_test_split_holds_is_shown_with_its_place(pair_page, shown_pair):
    opened = open_run(shown_pair[1])
    held = opened.dataset.splits.test.positives.lengths
    users = section(pair_page, "users").all("details")
    strips = [[ul for ul in user.all("ul") if "test split" in ul.attributes["aria-label"]] for user in users]
    cards = [card for (strip,) in strips for card in strip.all("li")]
    assert len(cards) == held.sum()
    for card in cards:
        places = [int(place) for place in re.findall(r"[AB] (\d+)", card.text)]
        assert (min(places, default=99) <= 10) == ("✓ hit" in card.text) != ("✗ missed" in card.text)


def test_agreement_of_neighbours_is_drawn_for_attributes_of_few_values(pair_page):
    part = section(pair_page, "neighbours")
    (table,) = [t for t in part.all("table") if t.all("caption")[0].text.startswith("Neighbours with the item")]
    found = {row[0]: row[1:] for row in rows(table)}
    assert set(found) == {"Attribute", "<i>finish, image", "<i>finish, text"}
    assert all(re.fullmatch(r"\d+ % → \d+ %", found[name][1]) for name in found if name != "Attribute")
    assert "Synthetic" not in part.text


def test_with_new_items_the_page_says_who_is_ranked_and_asks_neighbours_of_new_ones(toy_keys, tmp_path):
    keys = {**toy_keys, "new_items": 0.25, "topk": [2], "valid_metric": "Recall@2"}
    make_hostile(Path(keys["data_path"]) / "toy")
    run = quick_start("VBPR", "toy", keys).record.path
    assert main(["show", "-q", "--run", str(run), "--output", str(tmp_path / "page.html")]) == 0
    page = read_page((tmp_path / "page.html").read_text())
    opened = open_run(run).dataset
    n_new = len(opened.splits.test.cold_items)
    assert f"{opened.interactions.n_items - n_new} items that are not new are ranked" in section(page, "summary").text
    assert f"over the {n_new} items without training interactions" in section(page, "neighbours").text


def test_a_page_on_generated_data_says_so(shown_pair, tmp_path):
    folder = tmp_path / "run"
    shutil.copytree(shown_pair[0], folder)
    config = folder / "config.yaml"
    config.write_text(config.read_text().replace("synthetic: false", "synthetic: true"))
    assert main(["show", "-q", "--run", str(folder), "--output", str(tmp_path / "page.html")]) == 0
    assert "Synthetic data" in section(read_page((tmp_path / "page.html").read_text()), "neighbours").text


def test_neighbours_before_and_after_stand_side_by_side(pair_page, shown_pair):
    model = open_run(shown_pair[1]).model
    assert not torch.equal(model.recommender.frozen["v"], model.item_features()["v"])
    part = section(pair_page, "neighbours")
    strips = {m: [] for m in ("Frozen features, image", "Tuned features (B), image", "Tuned features (B), text")}
    for name, found in strips.items():
        found += part.all("ol", **{"aria-label": f"Nearest by {name}"})
    assert {len(found) for found in strips.values()} == {46}
    items = [int(details.all("h3")[0].text.rsplit(" ", 1)[1]) for details in part.all("details")]
    for name, table in (
        ("Frozen features, image", model.recommender.frozen["v"]),
        ("Tuned features (B), image", model.item_features()["v"]),
    ):
        unit = torch.nn.functional.normalize(table, dim=1)
        cosines = unit @ unit.T
        cosines.fill_diagonal_(-2)
        for item, strip in zip(items, strips[name]):
            shown = [float(re.search(r"-?\d\.\d\d", words.text)[0]) for words in strip.all("span", class_="words")]
            assert shown == pytest.approx(cosines[item].topk(10).values.tolist(), abs=0.0051)
    gone = sum("gone" in strip.text for strip in strips["Frozen features, image"])
    new = sum("new" in strip.text for strip in strips["Tuned features (B), image"])
    assert gone == new > 0


def test_groups_cover_the_test_split(pair_page, shown_pair):
    n_pairs = len(open_run(shown_pair[0]).dataset.splits.test.positives.values)
    head, *popularity = rows(section(pair_page, "popularity").all("table")[0])
    column = head.index("interactions")
    assert sum(int(row[column]) for row in popularity) == n_pairs
    _, *categories = rows(section(pair_page, "category").all("table")[0])
    assert {row[0] for row in categories} == set(GENRES)  # what all items share is no category
    assert sum(int(row[column]) for row in categories) == n_pairs
    charts = section(pair_page, "category").all("svg", class_="chart")
    assert {genre in charts[0].text for genre in GENRES} == {True}


def test_one_run_shows_its_hits_and_says_what_a_gain_needs(shown_pair, tmp_path, capsys):
    file = tmp_path / "one.html"
    words = ["--users", "3", "--items", "2", "--category-field", "shelf"]
    assert main(["show", "--run", str(shown_pair[0]), "--output", str(file), *words]) == 0
    assert "MB" in capsys.readouterr().out
    page = read_page(file.read_text(encoding="utf-8"))
    assert len(section(page, "users").all("details")) == 3 and len(section(page, "neighbours").all("details")) == 2
    assert "no encoder is tuned" in section(page, "neighbours").text
    assert "--run FROZEN" in section(page, "popularity").text
    assert {row[0] for row in rows(section(page, "category").all("table")[0])[1:]} == {"0", "1"}


def test_a_model_without_features_and_data_without_content_are_shown_too(toy_keys, raw_data, tmp_path):
    done = quick_start("BPR", "toy", toy_keys)
    (raw_data / "toy" / "items.jsonl").unlink()
    (raw_data / "toy" / "images").rename(tmp_path / "away")
    file = tmp_path / "page.html"
    assert main(["show", "-q", "--run", str(done.record.path), "--output", str(file)]) == 0
    page = read_page(file.read_text(encoding="utf-8"))
    assert re.search(r"Item \d", section(page, "users").text) and not page.all("symbol")
    assert "No item features" in section(page, "neighbours").text
    assert "no categories" in section(page, "category").text


def test_users_are_called_by_their_original_ids_and_texts_may_begin_with_a_byte_order_mark(
    finished, served, ptmrec, tmp_path
):
    run, runs = finished("BPR"), served / "runs"
    items = served / "data/toy/items.jsonl"
    kept = items.read_bytes()
    words = ["show", "-q", "--run", run.name[1:], "--runs", runs, "--output", tmp_path / "page.html"]
    try:
        items.write_bytes(b"\xef\xbb\xbf" + kept)
        assert ptmrec(*words)[0] == 0
        items.write_bytes(kept + b"{\n")
        code, _, err = ptmrec(*words)
    finally:
        items.write_bytes(kept)
    page = read_page((tmp_path / "page.html").read_text(encoding="utf-8"))
    called = [user.all("h3")[0].text for user in section(page, "users").all("details")]
    assert called and all(re.fullmatch(r"User U\d+", name) for name in called)
    assert code == 2 and f"line {len(kept.splitlines()) + 1}: not JSON" in err


def test_the_same_seed_gives_the_same_page(shown_pair, tmp_path):
    files = [tmp_path / name for name in ("one.html", "two.html", "other.html")]
    for file, seed in zip(files, "334"):
        words = ["--users", "4", "--output", str(file), "--seed", seed]
        assert main(["show", "-q", "--run", str(shown_pair[0]), *words]) == 0
    one, two, other = (file.read_bytes() for file in files)
    assert one == two != other


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--run", "{0}", "--run", "{1}", "--run", "{0}"], "3 times"),
        (["--run", "{0}", "--run", "{0}"], "given twice"),
        (["--run", "{0}", "--users", "-1"], "--users -1"),
        (["--run", "{0}", "topk=[5]"], "data_path, cache_path"),
        (["--run", "{0}", "data_pth=x"], "did you mean 'data_path'"),
        (["--run", "{0}", "--category-field", "gender"], "itemID, title, text, genres, shelf"),
        (["--run", "nowhere"], "nowhere"),
        (["--run", "{0}", "--output", "no/such/folder/page.html"], "no folder no/such/folder"),
    ],
)
def test_what_cannot_be_shown_is_said(shown_pair, words, said, capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert main(["show", "-q", *(word.format(*shown_pair) for word in words)]) == 2
    assert said in capsys.readouterr().err


def test_a_page_that_would_be_too_large_is_refused(shown_pair, monkeypatch, tmp_path, capsys):
    words = ["show", "-q", "--run", str(shown_pair[0]), "--output", str(tmp_path / "page.html")]
    assert main(words) == 0
    whole = (tmp_path / "page.html").stat().st_size
    monkeypatch.setattr("run_tools.page.document.LARGEST", whole // 2)
    assert main(words) == 2
    assert "--users" in capsys.readouterr().err


def test_runs_on_different_splits_are_not_compared(shown_pair, toy_keys, capsys):
    other = quick_start("BPR", "toy", {**toy_keys, "cold_items": 0.3, "topk": [3], "valid_metric": "Recall@3"})
    assert main(["show", "-q", "--run", str(shown_pair[0]), "--run", str(other.record.path)]) == 2
    assert "different splits" in capsys.readouterr().err
