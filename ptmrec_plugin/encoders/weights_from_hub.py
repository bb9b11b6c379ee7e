"""Loading weights from the hub, or from its cache: without a hub at once, instead of minutes of retries."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import contextmanager

from mmrec_host.hub import PATIENCE, hub_fault


@contextmanager
def weights_from_hub() -> Iterator[str | None]:
    """Inside, libraries load from the hub; if it cannot be used, from their local cache alone. Gives the reason."""
    fault = hub_fault()
    if fault is None:
        yield None
        return
    from huggingface_hub import constants

    offline, patience = constants.HF_HUB_OFFLINE, socket.getdefaulttimeout()
    constants.HF_HUB_OFFLINE = True
    socket.setdefaulttimeout(PATIENCE)  # of what comes from other addresses than the hub's
    try:
        yield fault
    finally:
        constants.HF_HUB_OFFLINE = offline
        socket.setdefaulttimeout(patience)
