"""`ptmrec prepare` of a small shop: what is left out, what is said of it, and what is kept for later."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from faulty_server import picture
from preparing import prepare

from feature_cache import ImageStore
from mmrec_host.errors import DataError


@pytest.fixture
def shop(tmp_path, monkeypatch) -> list[str]:
    """Twelve customers who bought four products each, and a table that has two more products, one with a picture."""
    monkeypatch.chdir(tmp_path)
    rows = [f"c{user},p{(user + n) % 6},{1000 * user + n}" for user in range(12) for n in range(4)]
    Path("orders.csv").write_text("\n".join(["user,item,time", *rows, "c0,ghost,9"]) + "\n")
    products = [f"p{n},Product {n},about {n}" for n in range(8)]
    Path("products.csv").write_text("\n".join(["id,title,description", *products]) + "\n")
    Path("pictures").mkdir()
    Path("pictures/p7.jpg").write_bytes(picture(7))
    return ["shop", "--interactions", "orders.csv", "--items", "products.csv", "--images", "pictures"]


def test_products_that_nobody_bought_and_ids_that_nothing_describes_are_named_and_kept(shop, capsys):
    assert prepare(*shop, "--k-core", "1") == 0
    said = capsys.readouterr().out
    assert "2 × described item that no kept interaction has (in new_items.jsonl), such as p6" in said
    assert "1 × item that the items do not describe, such as ghost" in said
    new = [json.loads(line) for line in Path("data/shop/new_items.jsonl").read_text().splitlines()]
    assert [(row["source_id"], row["title"]) for row in new] == [("p6", "Product 6"), ("p7", "Product 7")]
    assert [row["image"] for row in new] == ["", "p7.jpg"]
    assert ImageStore(Path("data/shop")).image("p7.jpg") == picture(7)


def test_a_random_split_says_that_times_do_not_matter_to_it(shop, capsys):
    assert prepare(*shop, "--k-core", "1") == 0
    assert "--split-rule last" in capsys.readouterr().out
    assert prepare(*shop, "--k-core", "1", "--split-rule", "last", "--force") == 0
    assert "--split-rule last" not in capsys.readouterr().out


def test_a_core_that_keeps_nothing_names_those_that_keep_something(shop):
    with pytest.raises(
        DataError, match="of 49 rows the 5-core keeps none. --k-core 4 keeps 48, .*--k-core 1 keeps all"
    ):
        prepare(*shop)
