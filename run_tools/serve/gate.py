"""What every request passes before it is looked at: the key, the host's name, and limits on body, time and number."""

from __future__ import annotations

import asyncio
import contextlib
import hmac
import json
import logging
from collections.abc import Awaitable, Callable, MutableMapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

log = logging.getLogger(__name__)

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Message, Receive, Send], Awaitable[None]]

KEY_HEADER = "X-API-Key"
OPEN = ("/", "/health", "/docs", "/openapi.json")  # paths that need no key: they tell nothing of users or items


@dataclass(frozen=True)
class Limits:
    """What a service refuses.

    Attributes:
        body: bytes of a request's body.
        pixels: of an image.
        seconds: that a request may take, its body and the wait for others included.
        requests: that are in the service at once.
    """

    body: int = 10_000_000
    pixels: int = 25_000_000
    seconds: float = 30.0
    requests: int = 1000


class Refused(Exception):
    """A request is answered with this status and message."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status, self.message = status, message


class Gate:
    """An ASGI application around another one.

    Args:
        key: that `X-API-Key` must hold; None: nobody is asked.
        hosts: names by which the service may be called; None: any. On loopback, pages of the network could otherwise
            reach it under a name of their own (DNS rebinding).
    """

    def __init__(self, app: App, limits: Limits, key: str | None = None, hosts: frozenset[str] | None = None) -> None:
        self._app, self._limits, self._key, self._hosts = app, limits, key, hosts
        self._inside = 0

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        """Pass a request on, or answer it with the reason why not."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        begun = False

        async def sending(message: Message) -> None:
            nonlocal begun
            begun = True
            await send(message)

        self._inside += 1
        try:
            if self._inside > self._limits.requests:
                raise Refused(503, f"{self._limits.requests} requests are being answered. Ask again later.")
            await asyncio.wait_for(self._pass_on(scope, receive, sending), self._limits.seconds)
        except asyncio.TimeoutError:
            message = f"no answer within {self._limits.seconds:g} seconds (--seconds). Ask again later."
            await _answer(send, Refused(503, message), begun)
        except Refused as refused:
            await _answer(send, refused, begun)
        except Exception:
            log.exception("a request to %s failed; the service goes on", scope["path"])
            await _answer(send, Refused(500, "an error that nobody foresaw; the service's log has it."), begun)
        finally:
            self._inside -= 1

    async def _pass_on(self, scope: Message, receive: Receive, send: Send) -> None:
        headers = dict(scope["headers"])
        if self._hosts is not None and _host(headers.get(b"host", b"")) not in self._hosts:
            raise Refused(421, f"this service goes by {', '.join(sorted(self._hosts))} alone.")
        given = headers.get(KEY_HEADER.lower().encode(), b"")
        if self._key is not None and scope["path"] not in OPEN and not hmac.compare_digest(given, self._key.encode()):
            raise Refused(401, f"this service needs its key in the header {KEY_HEADER}.")
        body = await self._body(headers, receive)
        whole: Message = {"type": "http.request", "body": body, "more_body": False}
        parts = iter([whole])

        async def replay() -> Message:
            return next(parts, None) or await receive()

        await self._app(scope, replay, send)

    async def _body(self, headers: dict[bytes, bytes], receive: Receive) -> bytes:
        """The whole body, if it is small enough; a longer one is not read."""
        said = headers.get(b"content-length", b"0")
        too_long = Refused(413, f"a body may have {self._limits.body} bytes at most (--megabytes).")
        if not said.isdigit() or int(said) > self._limits.body:
            raise too_long
        body = b""
        more = True
        while more:
            message = await receive()
            body += message.get("body", b"")
            more = message.get("more_body", False) and message["type"] == "http.request"
            if len(body) > self._limits.body:
                raise too_long
        return body


def _host(header: bytes) -> str | None:
    """The name in a Host header, without the port."""
    with contextlib.suppress(ValueError):
        return urlsplit(f"//{header.decode('latin-1')}").hostname
    return None


async def _answer(send: Send, refused: Refused, begun: bool) -> None:
    if begun:  # its head has been sent; the connection ends
        return
    body = json.dumps({"error": refused.message}).encode()
    headers = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
    if refused.status in (413, 503):  # what is left of the body is not read
        headers.append((b"connection", b"close"))
    await send({"type": "http.response.start", "status": refused.status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
