"""Values that are no plain text: lists, objects, HTML, dates as people write them; never a `repr`."""

from __future__ import annotations

import math
from datetime import datetime, timezone

import pytest

from dataset_makers.prepare.images.sources import image_source
from dataset_makers.prepare.tables.markup import without_markup
from dataset_makers.prepare.tables.times import as_time
from dataset_makers.prepare.tables.values import as_id, as_names, as_text, dividing_sign


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("['a', 'b']", "a b"),
        ('["a", "b"]', "a b"),
        ([{"name": "Ann", "id": 3}, {"name": "Bob", "id": 4}], "Ann Bob"),
        ({"Brand": "X", "Colour": "red"}, "X red"),
        ("nan", ""),
        ("None", ""),
        ("NULL", ""),
        ("b'caf\\xc3\\xa9'", "café"),
        ("[sic] a title", "[sic] a title"),
        ("[Live]", "[Live]"),
        ("{curly}", "{curly}"),
    ],
)
def test_texts(value, text):
    assert as_text(value) == text


def test_ids_are_plain_values():
    assert as_id({"$oid": "5f"}) == "5f" and as_id("{'$oid': '5f'}") == "5f" and as_id(12.0) == "12"
    assert as_id(["a"]) == as_id({"a": 1, "b": 2}) == as_id(None) == ""
    assert as_id("[x]") == "[x]"


def test_categories_in_the_forms_that_there_are():
    assert dividing_sign(["Restaurants, Cafes, Coffee & Tea", "Bars, Pubs", "Hotels"]) == ","
    assert dividing_sign(["Drama|Comedy", "a, b"]) == "|" and dividing_sign(["Drama", "Fun, really"]) == "|"
    assert as_names("Restaurants, Coffee & Tea", ",") == ["Restaurants", "Coffee & Tea"]
    assert as_names("['a', 'b']") == as_names([{"id": 1, "name": "a"}, {"name": "b"}]) == ["a", "b"]
    assert as_names({"a": True, "b": 3}) == ["a", "b"] and as_names("Drama Comedy", " ") == ["Drama", "Comedy"]


HI, LARGE = "https://m.example/hi.jpg", "https://m.example/l.jpg"


@pytest.mark.parametrize(
    ("value", "source"),
    [
        ([{"thumb": "t", "large": LARGE, "hi_res": None, "variant": "MAIN"}], LARGE),
        ([{"large": LARGE, "variant": "PT01"}, {"large": HI, "variant": "MAIN"}], HI),
        ({"hi_res": [None, HI], "large": [LARGE, "x"], "variant": ["MAIN", "PT01"]}, LARGE),
        (str([{"thumb": "t", "large": LARGE}]), LARGE),
        ([HI, LARGE], HI),
        (f"{HI}|{LARGE}", HI),
        (f"{HI},{LARGE}", HI),
        (f"{HI} {LARGE}", HI),
        ("a.jpg|b.jpg", "a.jpg"),
        ("my, own picture.jpg", "my, own picture.jpg"),
        ("https://m.example/a,b.jpg", "https://m.example/a,b.jpg"),
        ("//m.example/a.jpg", "https://m.example/a.jpg"),
        ("file:///pics/a%20b.jpg", "/pics/a b.jpg"),
        ("data:image/png;base64,AA//BB==", "data:image/png;base64,AA//BB=="),
        ([], ""),
        ({"caption": "no address"}, ""),
        (None, ""),
    ],
)
def test_one_picture_of_those_that_a_cell_names(value, source):
    assert image_source(value) == source


@pytest.mark.parametrize(
    ("text", "plain"),
    [
        ("Story &mdash; part <i>one</i>.", "Story — part one."),
        ("<p>Soft &amp; nice</p><p>more</p>", "Soft & nice more"),
        ("a<script>x()</script>b<style>p{}</style>", "a b"),
        ("&lt;b&gt;Bold&lt;/b&gt; &amp;quot;x&amp;quot;", 'Bold "x"'),
        ('Cut off <span class="a-text', "Cut off"),
        ("a < b > c, <3, <unknown>, AT&T, ?a=1&copy=2", "a < b > c, <3, <unknown>, AT&T, ?a=1&copy=2"),
        ("line<br/>break<!-- note -->", "line break"),
    ],
)
def test_html_is_left_out(text, plain):
    assert without_markup(text) == plain


@pytest.mark.parametrize(
    "written",
    [
        "Thu Oct 26 14:56:49 2017",
        "Thu Oct 26 07:56:49 -0700 2017",
        "Thu, 26 Oct 2017 14:56:49 +0000",
        "Thu, 26 Oct 2017 14:56:49 GMT",
        "2017-10-26 14:56:49 UTC",
        "2017-10-26T14:56:49Z",
        "2017-10-26T14:56:49.000Z",
        "2017-10-26T16:56:49+0200",
        "2017/10/26 14:56:49",
        "October 26, 2017 2:56:49 PM",
        1509029809,
        1509029809000,
        "1509029809000",
    ],
)
def test_times_as_people_and_programs_write_them(written):
    assert as_time(written) == datetime(2017, 10, 26, 14, 56, 49, tzinfo=timezone.utc).timestamp()


@pytest.mark.parametrize(
    "day", ["October 5, 2017", "5 Oct 2017", "05-Oct-2017", "Oct 5th, 2017", "2017-10-05", "20171005", 20171005]
)
def test_days(day):
    assert as_time(day) == datetime(2017, 10, 5, tzinfo=timezone.utc).timestamp()


def test_times_that_may_mean_two_days_need_a_form():
    assert math.isnan(as_time("10/05/2017")) and math.isnan(as_time("yesterday")) and math.isnan(as_time("2017-13-01"))
    assert as_time("10/05/2017", "%d/%m/%Y") == datetime(2017, 5, 10, tzinfo=timezone.utc).timestamp()
    assert math.isnan(as_time("2017-05-10", "%d/%m/%Y"))
