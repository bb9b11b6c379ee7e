"""A server that misbehaves."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from faulty_server import FaultyServer


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[FaultyServer]:
    """A server on 127.0.0.1 that misbehaves as it is asked to."""
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    server = FaultyServer()
    yield server
    server.stop()
