"""Weights from a hub that is not there, or is out of order: one try, and a message."""

from __future__ import annotations

import http.server
import threading

import pytest
from huggingface_hub import constants

from mmrec_host.config import load_config
from mmrec_host.errors import ConfigError
from mmrec_host.hub import hub_fault
from ptmrec_plugin.encoders.build import build_encoder


class OutOfOrder(http.server.BaseHTTPRequestHandler):
    asked: list[str]

    def do_HEAD(self):  # noqa: N802
        self.asked.append(self.path)
        self.send_error(503)

    do_GET = do_HEAD

    def log_message(self, *args):
        pass


@pytest.fixture
def hub(monkeypatch, tmp_path):
    """Makes an address the hub's, whose cache is empty."""

    def at(address: str) -> None:
        hub_fault.cache_clear()
        monkeypatch.setattr(constants, "ENDPOINT", address)
        template = constants.HUGGINGFACE_CO_URL_TEMPLATE.split("/{", 1)[1]
        monkeypatch.setattr(constants, "HUGGINGFACE_CO_URL_TEMPLATE", f"{address}/{{{template}")

    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "hub"))
    yield at
    hub_fault.cache_clear()


@pytest.fixture
def server():
    OutOfOrder.asked = []
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), OutOfOrder) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


def test_a_hub_that_is_out_of_order_is_asked_once_for_all_models(hub, server):
    hub(server)
    for _ in range(2):
        with pytest.raises(
            ConfigError, match=rf"not in the local cache, and {server} is out of order.*503(?s:.*)=FILE"
        ):
            build_encoder(load_config("VBPR", "mini", overrides={"encoder": "vit-b-32"}))
    assert OutOfOrder.asked == ["/"] or OutOfOrder.asked == [""]
    assert not constants.HF_HUB_OFFLINE


def test_a_hub_that_is_not_there_is_said_in_one_message(hub, server, caplog):
    hub("http://127.0.0.1:9")
    with pytest.raises(ConfigError, match=r"127\.0\.0\.1:9 is not reachable"):
        build_encoder(load_config("VBPR", "mini", overrides={"encoder": "vit-b-16"}))
    assert caplog.text == ""


def test_weights_that_need_no_hub_do_not_ask_for_it(hub, server):
    hub(server)
    build_encoder(load_config("VBPR", "mini", overrides={"encoder": "tiny"}))
    assert OutOfOrder.asked == []
