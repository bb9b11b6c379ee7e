"""Made-up files in the exact shapes in which the named sources are published: names, columns, compression, quirks."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path

import numpy as np
from faulty_server import picture
from public_shapes import by_user, pairs
from published_amazon import ITEMS, amazon_2014, amazon_2018, amazon_2023, amazon_2023_5core, iso, put


def covers(folder: str, before: str = "") -> None:
    Path(folder).mkdir(parents=True, exist_ok=True)
    for n in ITEMS:
        Path(f"{folder}/{before}{n}.jpg").write_bytes(picture(n))


def ml_100k() -> None:
    put("ml-100k.zip/ml-100k/u.data", ["\t".join(map(str, row)) for row in pairs()])
    flags = "|".join(["0"] * 19)
    rows = [f"{n}|Amélie {n} (2001)|01-Jan-1995||http://us.imdb.com/M/title-exact?{n}|{flags}" for n in ITEMS]
    put("ml-100k.zip/ml-100k/u.item", rows, "latin-1")


def ml_1m() -> None:
    put("ml-1m.zip/ml-1m/ratings.dat", ["::".join(map(str, row)) for row in pairs()])
    put("ml-1m.zip/ml-1m/movies.dat", [f"{n}::Misérables, Les {n} (1995)::Drama|Musical" for n in ITEMS], "latin-1")
    put("ml-1m.zip/ml-1m/users.dat", ["1::F::1::10::48067"])


def ml_csv(name: str) -> Callable[[], None]:
    def make() -> None:
        rows = [f"{u},{i},{r}.5,{t}" for u, i, r, t in pairs()]
        put(f"{name}.zip/{name}/ratings.csv", ["userId,movieId,rating,timestamp", *rows])
        films = [f'{n},"American President, The ({n})",Comedy|Drama' for n in ITEMS]
        put(f"{name}.zip/{name}/movies.csv", ["movieId,title,genres", *films])

    return make


def microlens() -> None:
    put("MicroLens-100k_pairs.csv", ["user,item,timestamp", *(f"{u},{i},{1000 * t}" for u, i, _, t in pairs())])
    put("MicroLens-100k_title_en.csv", [f"{n},A short, funny title {n}" for n in ITEMS])
    covers("MicroLens-100k_covers")


def hm() -> None:
    rows = [f"{iso(t, '%Y-%m-%d')},c{u},0{110775000 + i},0.05,2" for u, i, _, t in pairs()]
    put("transactions_train.csv", ["t_dat,customer_id,article_id,price,sales_channel_id", *rows])
    head = "article_id,product_code,prod_name,product_type_name,product_group_name,colour_group_name,detail_desc"
    put(
        "articles.csv",
        [head, *(f'0{110775000 + n},110775,Strap top,Vest top,Upper body,Black,"Top, {n}"' for n in ITEMS)],
    )
    for n in ITEMS:
        Path("images/011").mkdir(parents=True, exist_ok=True)
        Path(f"images/011/0{110775000 + n}.jpg").write_bytes(picture(n))


def yelp() -> None:
    put(
        "yelp_academic_dataset_review.json",
        [
            json.dumps(
                {
                    "review_id": str(t),
                    "user_id": f"u-{u}",
                    "business_id": f"b_{i}",
                    "stars": float(r),
                    "useful": 0,
                    "text": "ok",
                    "date": iso(t),
                }
            )
            for u, i, r, t in pairs()
        ],
    )
    put(
        "yelp_academic_dataset_business.json",
        [
            json.dumps(
                {
                    "business_id": f"b_{n}",
                    "name": f"Café {n}",
                    "city": "Tucson",
                    "stars": 3.5,
                    "attributes": {"WiFi": "u'free'"},
                    "categories": "Restaurants, Coffee & Tea",
                    "hours": None,
                }
            )
            for n in ITEMS
        ],
    )


def goodreads() -> None:
    put(
        "goodreads_interactions_poetry.json.gz",
        [
            json.dumps(
                {
                    "user_id": f"{u:032x}",
                    "book_id": str(i),
                    "review_id": "x",
                    "is_read": True,
                    "rating": r,
                    "date_added": iso(t, "%a %b %d %H:%M:%S -0700 %Y"),
                    "read_at": "",
                }
            )
            for u, i, r, t in pairs()
        ],
    )
    put(
        "goodreads_books_poetry.json.gz",
        [
            json.dumps(
                {
                    "book_id": str(n),
                    "title": f"Poems {n}",
                    "description": "Story &mdash; <i>one</i>",
                    "image_url": f"https://images.gr-assets.example/{n}.jpg",
                    "authors": [{"author_id": "1", "role": ""}],
                    "popular_shelves": [{"count": "3", "name": "to-read"}],
                }
            )
            for n in ITEMS
        ],
    )


def steam() -> None:
    """As Python 2 printed them."""

    def python2(row: dict[str, object]) -> str:
        return re.sub(r"(?<=[{\[ ])(?=['\"])", "u", str(row))

    put(
        "steam_reviews.json.gz",
        [
            python2(
                {
                    "username": f"gam er{u}",
                    "hours": 12.5,
                    "product_id": f"{i}",
                    "date": iso(t, "%Y-%m-%d"),
                    "text": "It's",
                }
            )
            for u, i, _, t in pairs()
        ],
    )
    put(
        "steam_games.json.gz",
        [
            python2(
                {
                    "publisher": "K",
                    "genres": ["Indie", "RPG"],
                    "app_name": f"It's game {n}",
                    "tags": ["Casual"],
                    "id": f"{n}",
                }
            )
            for n in ITEMS
        ],
    )


def book_crossing() -> None:
    rows = [f'"{u}";"{i:010}";"{r}"' for u, i, r, _ in pairs()]
    put("BX-CSV-Dump.zip/BX-Book-Ratings.csv", ['"User-ID";"ISBN";"Book-Rating"', *rows], "cp1252")
    head = (
        '"ISBN";"Book-Title";"Book-Author";"Year-Of-Publication";"Publisher";"Image-URL-S";"Image-URL-M";"Image-URL-L"'
    )
    books = [
        f'"{n:010}";"Flesh \\"Tones\\": A Novel; {n}";"Börk";"2001";"P";"http://i.example/s";"http://i.example/m";"http://i.example/{n}"'
        for n in ITEMS
    ]
    put("BX-CSV-Dump.zip/BX-Books.csv", [head, *books], "cp1252")


def lastfm() -> None:
    archive = "hetrec2011-lastfm-2k.zip"
    put(f"{archive}/user_artists.dat", ["userID\tartistID\tweight", *(f"{u}\t{i}\t{10 * r}" for u, i, r, _ in pairs())])
    rows = [f"{n}\tSigur Rós {n}\thttp://www.last.fm/music/{n}\thttp://userserve.example/{n}.jpg" for n in ITEMS]
    put(f"{archive}/artists.dat", ["id\tname\turl\tpictureURL", *rows])


def retailrocket() -> None:
    rows = [f"{1000 * t},{u},{'view' if i % 3 else 'transaction'},{i},{'' if i % 3 else t}" for u, i, _, t in pairs()]
    put("events.csv", ["timestamp,visitorid,event,itemid,transactionid", *rows])


def recbole() -> None:
    head = "user_id:token\titem_id:token\trating:float\ttimestamp:float"
    put("ml-100k/ml-100k.inter", [head, *("\t".join(map(str, row)) for row in pairs())])
    head = "item_id:token\tmovie_title:token_seq\tclass:token_seq"
    put("ml-100k/ml-100k.item", [head, *(f"{n}\tToy Story\tDrama Fun" for n in ITEMS)])


def recbole_split() -> None:
    recbole()
    Path("ml-100k/ml-100k.inter").unlink()
    for part, places in {"train": range(6), "valid": [6], "test": [7]}.items():
        rows = [f"{u}\t{i}" for n, (u, i, *_) in enumerate(pairs()) if n % 8 in places]
        put(f"ml-100k/ml-100k.{part}.inter", ["user_id:token\titem_id:token", *rows])


def elliot() -> None:
    for part, cut in {"train": slice(0, 6), "val": slice(6, 7), "test": slice(7, 8)}.items():
        put(f"{part}.tsv", [f"{u}\t{i}\t1.0" for u, items in by_user().items() for i in items[cut]])
    for kind in ("visual", "textual"):
        folder = Path(f"{kind}_embeddings/torch/model/layer")
        folder.mkdir(parents=True)
        for n in list(ITEMS)[:-1]:
            np.save(folder / f"{n}.npy", np.full((1, 3), n, dtype=np.float32))


def ninerec() -> None:
    put("Bili_Food/Bili_Food_pair.csv", ["user_id,item_id,timestamp", *(f"u{u},v{i},{t}" for u, i, _, t in pairs())])
    put("Bili_Food/Bili_Food_item.csv", ["item_id,title", *(f"v{n},美食 {n}" for n in ITEMS)])
    covers("Bili_Food/Bili_Food_cover", "v")


def pixelrec() -> None:
    put("Interaction/Pixel200K.csv", ["item_id,user_id,timestamp", *(f"v{i},{u},{t}" for u, i, _, t in pairs())])
    rows = [f'v{n},100,5,"Title, {n}",Food,"About {n}"' for n in ITEMS]
    put("Item Infomation/Pixel200K.csv", ["item_id,view_number,comment_number,title,tag,description", *rows])
    covers("covers", "v")


PUBLISHED: dict[str, tuple[Callable[[], None], str | None]] = {
    "amazon-2014": (amazon_2014, "Toys_and_Games"),
    "amazon-2018": (amazon_2018, "Software"),
    "amazon-2023": (amazon_2023, "All_Beauty"),
    "amazon-2023-5core": (amazon_2023_5core, "All_Beauty"),
    "ml-100k": (ml_100k, None),
    "ml-1m": (ml_1m, None),
    "ml-20m": (ml_csv("ml-20m"), None),
    "ml-32m": (ml_csv("ml-32m"), None),
    "microlens": (microlens, "100k"),
    "hm": (hm, None),
    "yelp": (yelp, None),
    "goodreads": (goodreads, "poetry"),
    "steam": (steam, None),
    "book-crossing": (book_crossing, None),
    "lastfm": (lastfm, None),
    "retailrocket": (retailrocket, None),
    "recbole": (recbole, "ml-100k"),
    "recbole-split": (recbole_split, "ml-100k"),
    "elliot": (elliot, None),
    "ninerec": (ninerec, "Bili_Food"),
    "pixelrec": (pixelrec, "Pixel200K"),
}
"""Source -> what writes its files into the current folder, and the name of one of its data sets."""
