"""HTTP to servers that data name: public ones only, no credentials of the user's, redirects looked at one by one."""

from __future__ import annotations

import ipaddress
import socket
from collections.abc import Iterable, Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass
from types import TracebackType
from typing import Any
from urllib.parse import urlsplit
from urllib.request import getproxies, proxy_bypass

import aiohttp
from yarl import URL

from mmrec_host.version import __version__

USER_AGENT = f"ptmrec-prepare/{__version__}"
MOST_REDIRECTS = 5
REDIRECTS = (301, 302, 303, 307, 308)
NAT64 = ipaddress.ip_network("64:ff9b::/96")  # IPv4 addresses as networks of IPv6 alone know them
NOT_PUBLIC = "is no public address"


class NotPublic(Exception):
    """A server that may not be asked; the message says which, and what to do."""


@dataclass(frozen=True)
class Reach:
    """Which servers may be asked, beside public ones.

    Attributes:
        named: those that the user named, as `host` or `host:port`.
        everywhere: all, of private networks and this machine too.
    """

    named: frozenset[str] = frozenset()
    everywhere: bool = False

    @classmethod
    def of(cls, addresses: Iterable[str], everywhere: bool) -> Reach:
        """That of a user who gave these addresses, or `host:port`s."""
        return cls(frozenset(_server(urlsplit(a).netloc if "://" in a else a) for a in addresses), everywhere)

    def trusts(self, url: URL) -> bool:
        """Whether the server may be asked whatever its address."""
        return self.everywhere or _server(url.raw_authority) in self.named


class Web:
    """Sessions within a reach, to be used as an asynchronous context.

    Neither cookies nor `.netrc` are used, and what comes is not unpacked. A server that is not trusted is looked at as
    it is connected to, by its address: whatever its name resolved to before counts for nothing. Behind a proxy of the
    environment, which resolves names by itself, only addresses and `localhost` are looked at.
    """

    def __init__(self, reach: Reach, timeout: aiohttp.ClientTimeout, per_host: int = 0) -> None:
        self._reach, self._timeout, self._per_host = reach, timeout, per_host
        self._proxies = {scheme: proxy for scheme, proxy in getproxies().items() if proxy.startswith("http://")}
        self._stack = AsyncExitStack()

    async def __aenter__(self) -> Web:
        self._any = await self._stack.enter_async_context(self._session())
        self._public = await self._stack.enter_async_context(self._session(socket_factory=_public_socket))
        return self

    async def __aexit__(self, kind: type | None, error: BaseException | None, trace: TracebackType | None) -> None:
        await self._stack.aclose()

    def _session(self, **connecting: Any) -> aiohttp.ClientSession:
        return aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=0, limit_per_host=self._per_host, **connecting),
            timeout=self._timeout,
            headers={"User-Agent": USER_AGENT, "Accept-Encoding": "identity"},
            cookie_jar=aiohttp.DummyCookieJar(),
            auto_decompress=False,
        )

    async def get(self, address: str, headers: Mapping[str, str] | None = None) -> aiohttp.ClientResponse:
        """The head of the answer, after redirects; its body is still to be read, and the answer to be closed.

        Raises:
            NotPublic: it, or what it redirects to, is out of reach.
            aiohttp.ClientError: it cannot be asked, is no http(s) address, or redirects too often.
        """
        url = URL(address)
        for _ in range(MOST_REDIRECTS + 1):
            response = await self._ask(url, headers)
            location = response.headers.get("Location")
            if response.status not in REDIRECTS or location is None:
                return response
            response.release()
            try:
                url = url.join(URL(location))
            except ValueError as error:
                raise aiohttp.InvalidURL(location) from error
        raise aiohttp.TooManyRedirects(response.request_info, (response,))

    async def _ask(self, url: URL, headers: Mapping[str, str] | None) -> aiohttp.ClientResponse:
        if url.scheme not in ("http", "https"):
            raise aiohttp.NonHttpUrlClientError(url)
        trusted, host = self._reach.trusts(url), url.host or ""
        proxy = None if proxy_bypass(host) else self._proxies.get(url.scheme)
        if proxy and not trusted and _says_private(host):
            raise _not_public(url)
        session = self._any if trusted or proxy else self._public
        try:
            return await session.get(url, headers=headers, proxy=proxy, allow_redirects=False)
        except aiohttp.ClientConnectorError as error:
            if NOT_PUBLIC in str(error.os_error):
                raise _not_public(url) from error
            raise


def _not_public(url: URL) -> NotPublic:
    return NotPublic(
        f"{url.host} {NOT_PUBLIC}, and data may not choose what is asked for in your network: "
        "--allow-private-hosts asks it all the same"
    )


def _public_socket(addr_info: tuple[Any, ...]) -> socket.socket:
    """A socket for an address that is about to be connected to; `OSError` if it is not public."""
    family, kind, protocol, _, address = addr_info
    if not is_public(address[0]):
        raise OSError(f"{address[0]} {NOT_PUBLIC}")
    return socket.socket(family, kind, protocol)


def is_public(address: str) -> bool:
    """Whether an IP address is of the public internet, as is the IPv4 address within it, if there is one."""
    ip = ipaddress.ip_address(address.partition("%")[0])
    if isinstance(ip, ipaddress.IPv6Address):
        if ip in NAT64:
            ip = ipaddress.IPv4Address(int(ip) & 0xFFFFFFFF)
        else:
            ip = ip.ipv4_mapped or ip.sixtofour or (ip.teredo[1] if ip.teredo else ip)
    site_local = isinstance(ip, ipaddress.IPv6Address) and ip.is_site_local
    return ip.is_global and not (ip.is_multicast or ip.is_reserved or site_local)


def _says_private(host: str) -> bool:
    """Whether a host is a private address as it stands, or this machine by name."""
    try:
        return not is_public(host)
    except ValueError:
        pass
    try:
        return not is_public(socket.inet_ntoa(socket.inet_aton(host)))  # 127.1, 0x7f000001
    except OSError:
        return host.rstrip(".").lower().rpartition(".")[2] == "localhost"


def _server(authority: str) -> str:
    return authority.rpartition("@")[2].lower()
