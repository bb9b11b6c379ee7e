"""The numbers of a page against answers known beforehand."""

from __future__ import annotations

import io
import math

import numpy as np
import pytest
from PIL import Image

from mmrec_host.data.ragged import Ragged
from run_tools.page.attributes_section import by_chance
from run_tools.page.chart import Bar, draw_bars
from run_tools.page.estimates import Estimate, estimate_mean, verdicts
from run_tools.page.groups import category_members, make_groups, places, popularity_members
from run_tools.page.markup import Markup, shorten, tag
from run_tools.page.neighbours import View, choose_items
from run_tools.page.thumbnails import make_thumbnail, make_thumbnails
from run_tools.page.users import choose_rows


def test_the_error_of_a_mean_is_the_usual_one_where_each_value_is_another_users():
    values = np.array([0.0, 1.0, 1.0, 0.0, 1.0])
    found = estimate_mean(values)
    assert found.value == pytest.approx(0.6)
    assert found.error == pytest.approx(values.std(ddof=1) / math.sqrt(5))


def test_values_of_one_user_count_as_one():
    once = np.array([0.0, 1.0, 1.0, 0.0])
    copied = estimate_mean(np.repeat(once, 7), np.repeat([4, 2, 9, 3], 7))
    assert copied.error == pytest.approx(estimate_mean(once).error)
    assert math.isnan(estimate_mean(once, np.zeros(4, int)).error)


def test_verdicts_are_corrected_for_their_number_and_need_users():
    p_of_3_percent = Estimate(0.217, 0.1)
    assert verdicts([p_of_3_percent], [50]) == ["better"]
    assert verdicts([p_of_3_percent, Estimate(0.0, 0.1)], [50, 50]) == ["unclear", "unclear"]
    assert verdicts([Estimate(-1.0, 0.1), p_of_3_percent, Estimate(9.0, 0.1)], [50, 50, 3]) == [
        "worse",
        "better",
        "too few",
    ]
    assert verdicts([Estimate(0.0, 0.0)], [50]) == ["unclear"]


def test_what_changes_alike_for_all_users_is_clear():
    assert verdicts([estimate_mean(np.ones(40)), estimate_mean(-np.ones(40))], [40, 40]) == ["better", "worse"]
    assert estimate_mean(np.ones(1)).p_value == 1.0


def test_places_are_counted_from_one():
    ranked = np.array([[7, 3, 5], [1, 2, 3]])
    positives = Ragged(np.array([0, 2, 5]), np.array([5, 9, 1, 3, 7]))
    assert places(ranked, positives).tolist() == [3, 0, 1, 3, 0]


def test_a_group_pairs_the_runs_interaction_by_interaction():
    positives = Ragged(np.array([0, 1, 3]), np.array([4, 4, 6]))
    first, second = np.array([False, True, False]), np.array([True, True, False])
    four, none = make_groups(
        {"four": positives.values == 4, "six": positives.values == 6, "nine": positives.values == 9},
        positives,
        [first, second],
    )
    assert (four.n_items, four.n_pairs, four.n_users) == (1, 2, 2)
    assert [share.value for share in four.shares] == [0.5, 1.0] and four.difference.value == 0.5
    assert none.name == "six" and none.difference.value == 0.0 and none.verdict == "too few"


def test_popularity_groups_hold_about_equally_many_interactions_and_cold_items_are_apart():
    counts = np.array([0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10])
    members = popularity_members(counts, np.repeat(np.arange(11), 3))
    assert {name: int(chosen.sum()) for name, chosen in members.items()} == {
        "never taken (cold)": 3,
        "1 to 2 times": 6,
        "3 to 4 times": 6,
        "5 to 6 times": 6,
        "7 to 8 times": 6,
        "9 to 10 times": 6,
    }
    same = popularity_members(np.full(4, 6), np.arange(4))
    assert list(same) == ["never taken (cold)", "6 times"] and same["6 times"].all()


def test_the_largest_categories_are_shown_and_the_others_counted():
    categories = {item: ["all", f"c{item}"] for item in range(15)}
    members, n_left = category_members(categories, np.array([14, 14, *range(14)]))
    assert list(members)[0] == "c14" and len(members) == 12 and n_left == 3 and "all" not in members


def test_users_who_gained_and_lost_most_are_named_so():
    before = np.full(40, 0.5)
    after = before.copy()
    after[7], after[11] = 1.0, 0.0
    chosen = choose_rows([before, after], 8, np.random.default_rng(0))
    assert ("gained most", 7) in chosen and ("lost most", 11) in chosen
    assert len({row for _, row in chosen}) == 8
    assert {why for why, _ in choose_rows([before], 8, np.random.default_rng(0))} == {"drawn at random"}


def test_agreement_is_the_share_of_neighbours_with_the_items_value_and_chance_that_of_any_two_items():
    view = View("frozen", np.array([[1, 2], [0, 2], [0, 3], [0, 1]]), np.ones((4, 2)), np.ones(4))
    hue = {0: "red", 1: "red", 2: "blue"}  # nothing is known of 3
    assert view.same_value(hue) == pytest.approx(2 / 5)
    assert view.same_value(hue, {2}) == 0 and view.same_value(hue, {3}) is None
    assert by_chance(hue) == pytest.approx(2 / 6)


def test_items_whose_neighbours_changed_most_come_first():
    ids, kept = np.zeros((20, 2), int), np.ones(20)
    kept[[3, 8]] = 0.0, 0.5
    views = {"v": [View("before", ids, ids, np.ones(20)), View("after", ids, ids, kept)]}
    chosen = choose_items(views, np.arange(20), 6, np.random.default_rng(0))
    assert chosen[:2] == [3, 8] and len(set(chosen)) == 6
    assert 3 not in choose_items(views, np.arange(4, 20), 6, np.random.default_rng(0))


def encoded(image: Image.Image, **options) -> bytes:
    file = io.BytesIO()
    image.save(file, **options)
    return file.getvalue()


def test_a_thumbnail_is_small_upright_and_on_white():
    turned = Image.Exif()
    turned[0x0112] = 6  # lies on its side
    made = make_thumbnail(encoded(Image.new("RGB", (400, 200), "red"), format="JPEG", exif=turned), 112)
    assert (made.width, made.height) == (56, 112) and made.uri.startswith("data:image/jpeg;base64,")
    clear = encoded(Image.new("RGBA", (9, 9), (0, 0, 0, 0)), format="PNG")
    white = encoded(Image.new("RGB", (9, 9), "white"), format="PNG")
    assert make_thumbnail(clear, 112) == make_thumbnail(white, 112)


def test_thumbnails_shrink_to_the_budget():
    noise = np.random.default_rng(0).integers(0, 255, (200, 200, 3), np.uint8)

    class Noise:
        def image(self, item):
            return encoded(Image.fromarray(noise), format="PNG")

    large = make_thumbnails(Noise(), [0, 1], 10**6)
    budget = 2 * len(large[0].uri) - 1
    small = make_thumbnails(Noise(), [0, 1], budget)
    assert large[0].width == 112 > small[0].width and 2 * len(small[0].uri) <= budget
    assert make_thumbnails(Noise(), [0, 1], 100) is None


def test_bars_lie_where_their_values_are():
    drawn = draw_bars([Bar("left", -1.0, (-2.0, 0.0), "-1", "worse"), Bar("right", 2.0, None, "+2")], "a chart")
    assert 'x1="10.0" x2="180.0"' in drawn and 'cx="350.0"' in drawn  # the axis is -2 to 2 over 340 units from 10
    assert drawn.count("<circle") == 1 and "▼" in drawn


def test_long_titles_are_cut_with_or_without_spaces():
    assert shorten("一" * 40, 10) == "一" * 9 + "…"
    assert shorten("a  b\nc", 10) == "a b c" and shorten("four four four", 10) == "four four…"


def test_markup_escapes_all_but_markup():
    assert tag("p", "<b>", Markup("<i></i>"), None, [1, "&"], title='"', hidden=True, open=False) == (
        '<p title="&quot;" hidden>&lt;b&gt;<i></i>1&amp;</p>'
    )
