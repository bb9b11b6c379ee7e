"""What data name may not reach into the user's network, and takes none of the user's credentials along."""

from __future__ import annotations

import socket

import pytest
from faulty_server import FaultyServer

from dataset_makers.prepare.download import fetched
from dataset_makers.prepare.images.fetch import Manners, gather_urls
from dataset_makers.prepare.web import Reach, is_public
from feature_cache import ImageStore, Outcome
from mmrec_host.errors import DataError

QUICK = Manners(deadline=2.0, back_off=0.01)


def outcome(home, url: str, reach: Reach) -> Outcome:
    gather_urls(home, [url], QUICK, None, reach, progress=False)
    return ImageStore(home).outcomes()[url]


def named(server: FaultyServer) -> Reach:
    return Reach.of([server.address], False)


@pytest.fixture
def other():
    """A second server, which nobody named."""
    server = FaultyServer()
    yield server
    server.stop()


@pytest.mark.parametrize(
    ("address", "public"),
    [
        ("8.8.8.8", True),
        ("2606:4700:4700::1111", True),
        ("64:ff9b::808:808", True),  # of a network with IPv6 alone
        *((address, False) for address in ("127.0.0.1", "10.1.2.3", "172.16.0.1", "192.168.1.1", "169.254.169.254")),
        *((address, False) for address in ("0.0.0.0", "100.64.0.1", "224.0.0.1", "255.255.255.255", "240.0.0.1")),
        *((address, False) for address in ("::1", "::", "fe80::1%eth0", "fd00::1", "fec0::1", "ff02::1")),
        *((address, False) for address in ("::ffff:127.0.0.1", "::127.0.0.1", "64:ff9b::7f00:1", "2002:7f00:1::")),
    ],
)
def test_public_addresses_are_told_from_others(address, public):
    assert is_public(address) is public


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "[::ffff:127.0.0.1]"])
def test_a_private_host_is_not_asked_unless_a_flag_says_so(host, tmp_path, server):
    url = f"http://{host}:{server.server_port}/good/1"
    refused = outcome(tmp_path, url, Reach())
    assert refused.kind == "in a private network" and "--allow-private-hosts" in refused.detail and not server.asked
    if ":" not in host:
        assert outcome(tmp_path, url, Reach(everywhere=True)).kind == "ok"  # what was refused is asked for again


def test_the_address_that_is_connected_to_counts_and_not_the_name(tmp_path, server, monkeypatch):
    """A name that means a public address at first, and this machine as soon as it is asked for."""
    look_up, answers = socket.getaddrinfo, iter(["8.8.8.8"])

    def rebinding(host, *args, **options):
        return look_up(next(answers, "127.0.0.1") if host == "images.example" else host, *args, **options)

    monkeypatch.setattr(socket, "getaddrinfo", rebinding)
    monkeypatch.setenv("NO_PROXY", "images.example")
    assert socket.getaddrinfo("images.example", 80)[0][4][0] == "8.8.8.8"
    refused = outcome(tmp_path, f"http://images.example:{server.server_port}/good/1", Reach())
    assert "images.example is no public address" in refused.detail and not server.asked


def test_a_redirect_is_looked_at_too(tmp_path, server, other):
    elsewhere = f"{server.address}/elsewhere/http:__127.0.0.1:{other.server_port}_good_1"
    refused = outcome(tmp_path, elsewhere, named(server))
    assert refused.kind == "in a private network" and "no public address" in refused.detail
    with pytest.raises(DataError, match="no public address.*--allow-private-hosts"):
        fetched(elsewhere, tmp_path, named(server), progress=False)
    assert server.asked.total() == 2 and not other.asked  # and not again
    assert outcome(tmp_path, f"{server.address}/moved/good/1", named(server)).kind == "ok"
    assert outcome(tmp_path, elsewhere, Reach(everywhere=True)).kind == "ok"


def test_credentials_in_netrc_stay_there(tmp_path, server, monkeypatch):
    (tmp_path / "netrc").write_text("machine 127.0.0.1 login me password secret\n")
    (tmp_path / "netrc").chmod(0o600)
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    server.files["x.txt"] = b"x"
    fetched(f"{server.address}/file/x.txt", tmp_path, named(server), progress=False)
    assert outcome(tmp_path, f"{server.address}/good/1", named(server)).kind == "ok"
    assert server.asked.total() == 2 and server.credentials == []


def test_a_proxy_of_the_users_is_used_and_is_not_asked_for_this_machine(tmp_path, server, other, monkeypatch):
    for name in ("NO_PROXY", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("http_proxy", server.address)
    assert outcome(tmp_path, "http://images.example/good/1", Reach()).kind == "ok"
    assert list(server.asked) == ["http://images.example/good/1"]
    for host in ("127.0.0.1", "localhost", "0x7f.1", "intranet.localhost"):
        refused = outcome(tmp_path, f"http://{host}:{other.server_port}/good/1", Reach())
        assert "no public address" in refused.detail
    assert server.asked.total() == 1 and not other.asked
