from __future__ import annotations

from collections.abc import Iterator

import pytest
from faulty_server import FaultyServer


@pytest.fixture
def server() -> Iterator[FaultyServer]:
    """A server on 127.0.0.1 that misbehaves as it is asked to."""
    server = FaultyServer()
    yield server
    server.stop()
