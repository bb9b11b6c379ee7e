"""The page of `ptmrec show` in a real browser, where Chromium is installed."""

from __future__ import annotations

import pytest
from browser import CHROMIUM, Browser

from mmrec_host.cli.main import main

pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="needs chromium or google-chrome")

OPEN_ALL = "document.querySelectorAll('details').forEach(part => { part.open = true })"
FOCUSED = "document.activeElement.textContent.trim()"


@pytest.fixture(scope="module")
def page(shown_pair, tmp_path_factory):
    file = tmp_path_factory.mktemp("page") / "page.html"
    runs = [word for folder in shown_pair for word in ("--run", str(folder))]
    assert main(["show", "-q", *runs, "--output", str(file)]) == 0
    return file


@pytest.fixture(scope="module")
def browser(tmp_path_factory):
    with Browser(tmp_path_factory.mktemp("profile")) as started:
        yield started


@pytest.mark.parametrize("dark", [False, True])
@pytest.mark.parametrize("width", [1280, 390])
def test_the_page_fits_asks_for_nothing_and_complains_of_nothing(browser, page, width, dark):
    browser.open(page, width, dark=dark)
    browser.evaluate(OPEN_ALL)
    assert browser.evaluate("document.documentElement.scrollWidth") <= width
    assert browser.evaluate("document.querySelectorAll('symbol image').length") > 0
    assert browser.requests() == [page.resolve().as_uri()]
    assert browser.complaints() == []


def test_a_narrow_page_shows_all_columns_of_the_means(browser, page):
    browser.open(page, 390)
    cut = "[...document.querySelectorAll('#summary .scroll')].map(e => e.scrollWidth - e.clientWidth)"
    assert browser.evaluate(cut) == [0]
    ends = "[...document.querySelectorAll('#summary th:last-child')].map(e => e.getBoundingClientRect().right)"
    assert 0 < max(browser.evaluate(ends)) <= 390


def test_pictures_are_drawn(browser, page):
    browser.open(page, 1280)
    box = browser.evaluate(
        "(r => [r.width, r.height])(document.querySelector('svg.picture use').getBoundingClientRect())"
    )
    assert min(box) > 30


def test_columns_stand_beside_each_other_where_there_is_room(browser, page):
    tops = "[...document.querySelector('#users .columns').children].map(e => e.getBoundingClientRect().top)"
    browser.open(page, 1280)
    first, second = browser.evaluate(tops)
    assert first == second
    browser.open(page, 390)
    first, second = browser.evaluate(tops)
    assert first < second


def test_all_can_be_done_by_keyboard(browser, page):
    browser.open(page, 1280)
    browser.press("Tab", 9)
    assert browser.evaluate(FOCUSED) == "Skip to the content"
    assert browser.evaluate("document.activeElement.getBoundingClientRect().top >= 0")
    browser.press("Enter", 13, "\r")
    assert browser.evaluate("document.activeElement.id") == "main"
    for _ in range(20):
        browser.press("Tab", 9)
        if browser.evaluate("document.activeElement.localName == 'summary' && !document.activeElement.parentNode.open"):
            break
    assert browser.evaluate("getComputedStyle(document.activeElement).outlineStyle") == "solid"
    browser.press("Enter", 13, "\r")
    assert browser.evaluate("document.activeElement.parentNode.open") is True
