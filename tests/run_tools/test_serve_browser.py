"""The page of `ptmrec serve` in a real browser, where Chromium is installed."""

from __future__ import annotations

import json
import threading
import time

import pytest
from browser import CHROMIUM, Browser

pytest.importorskip("fastapi")
uvicorn = pytest.importorskip("uvicorn")

from run_tools.serve.current_run import CurrentRun
from run_tools.serve.gate import Limits
from run_tools.serve.processes import listen
from run_tools.serve.served_run import ServedRun
from run_tools.serve.service import make_service

pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="needs chromium or google-chrome")

KEY = "open sesame"
HEADING = "document.querySelector('#view h2')?.textContent"
CARDS = "[...document.querySelectorAll('.card')].map(card => card.querySelector('.title').textContent)"
DRAWN = "[...document.querySelectorAll('.card img')].filter(image => image.naturalWidth > 0).length"


@pytest.fixture(scope="module", params=[None, KEY], ids=["open", "with a key"])
def address(request, finished):
    """Of a service that runs in a thread."""
    sock = listen("127.0.0.1", 0)
    current = CurrentRun(lambda: ServedRun(finished("tuned"), {"device": "cpu", "progress": False}))
    app = make_service(current, Limits(), request.param)
    server = uvicorn.Server(uvicorn.Config(app, log_config=None, access_log=False))
    thread = threading.Thread(target=server.run, args=([sock],), daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{sock.getsockname()[1]}/"
    server.should_exit = True
    thread.join(20)


@pytest.fixture(scope="module")
def browser(tmp_path_factory):
    with Browser(tmp_path_factory.mktemp("profile")) as started:
        yield started


def wait(browser: Browser, expression: str, wanted) -> None:
    end = time.monotonic() + 60
    while not wanted(found := browser.evaluate(expression)):
        assert time.monotonic() < end, f"{expression}: {found}"
        time.sleep(0.05)


def wait_for(browser: Browser, heading: str) -> None:
    wait(browser, HEADING, lambda found: found == heading)


def open_page(browser: Browser, address: str, width: int) -> None:
    """The page with its first items, the key given where one is asked for."""
    browser.open("about:blank", width)
    browser.open(address, width)
    wait(browser, f"!document.getElementById('key').hidden || {HEADING}", bool)
    if not browser.evaluate("document.getElementById('key').hidden"):
        assert "X-API-Key" in browser.evaluate("document.getElementById('problem').textContent")
        fill(browser, "key", "key", KEY)
    wait_for(browser, "Items 1 to 24 of 48")


def fill(browser: Browser, form: str, field: str, text: str) -> None:
    """Type a text and press Enter."""
    browser.evaluate(f"document.getElementById('{form}').{field}.focus()")
    browser.call("Input.insertText", text=text)
    browser.press("Enter", 13, "\r")


@pytest.mark.parametrize("width", [1280, 390])
def test_somebody_searches_and_clicks_through_the_catalogue(width, browser, address):
    open_page(browser, address, width)
    wait(browser, DRAWN, lambda n: n > 3)
    assert len(browser.evaluate(CARDS)) == 24
    browser.evaluate("document.querySelectorAll('nav a')[0].click()")
    wait_for(browser, "Items 25 to 48 of 48")
    browser.evaluate("document.querySelector('.card').click()")
    wait_for(browser, "item 24")
    assert "item 24" not in browser.evaluate(CARDS) and browser.evaluate("document.activeElement.tagName") == "H2"
    browser.evaluate("document.querySelector('.row button').click()")
    browser.evaluate("document.querySelector('.row a').click()")
    wait_for(browser, "What goes with what is put aside")
    assert browser.evaluate(CARDS)[-1] == "item 24"
    fill(browser, "search", "text", "a green tent for camping")
    wait_for(browser, "“a green tent for camping”")
    assert len(browser.evaluate(CARDS)) == 24
    fill(browser, "user", "user", "U5")
    wait_for(browser, "For U5")
    fill(browser, "user", "user", "nobody")
    wait(browser, "document.getElementById('problem').textContent", lambda said: "no user" in (said or ""))
    assert browser.evaluate("document.documentElement.scrollWidth") <= width
    assert all(url.startswith(address) for url in browser.requests() if not url.startswith("blob:"))
    refused = [said for said in browser.complaints() if "Content Security Policy" in said or "exceptionThrown" in said]
    assert refused == []


def test_a_picture_finds_items_like_it(browser, address, served):
    open_page(browser, address, 1280)
    document = browser.call("DOM.getDocument")["root"]["nodeId"]
    field = browser.call("DOM.querySelector", nodeId=document, selector="input[type=file]")["nodeId"]
    browser.call("DOM.setFileInputFiles", nodeId=field, files=[str(served / "data/toy/images/9.png")])
    browser.evaluate("document.querySelector('#search button').click()")
    wait_for(browser, "Like 9.png")
    assert browser.evaluate(CARDS)[0] == "item 9"
    assert browser.evaluate("document.querySelectorAll('.row a').length") == 10


@pytest.mark.parametrize("width", [1280, 390])
def test_the_page_of_all_calls_fits(width, browser, address):
    browser.open("about:blank", width)
    browser.open(f"{address}docs", width)
    assert browser.evaluate("document.documentElement.scrollWidth") <= width
    assert "/new-item" in json.dumps(browser.evaluate("document.body.innerText"))
    assert browser.requests() == [f"{address}docs"] and browser.complaints() == []
